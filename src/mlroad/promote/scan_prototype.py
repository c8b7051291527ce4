"""Look for secrets in a prototype: in all files at the tag, and in the history of the model's folder."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mlroad.core.problems import Problem
from mlroad.guard.commits import check_commits
from mlroad.guard.guard_settings import Settings
from mlroad.guard.guarded_files import GuardedFile
from mlroad.guard.secret_scan import SecretScan, as_problem
from mlroad.promote.read_commit import contents_of, entries
from mlroad.promote.workbench import Workbench

_CHUNK = 500
_REVOKE = "Revoke it, remove it in the prototype, and tag again."


def scan_prototype(bench: Workbench, commit: str, models: Iterable[str], settings: Settings) -> list[Problem]:
    """Every secret, by the factory's rules. ``models``: the names that the model has had in the prototype.

    The history is that which the prototype's repo has.
    """
    found = list(_in_tree(bench, commit, settings))
    bench.run("update-ref", "--no-deref", "HEAD", commit)
    folders = [f"models/{model}" for model in dict.fromkeys(models)]
    # Without --full-history, git leaves out a branch whose merge brought nothing of its own.
    commits = bench.run("rev-list", "--reverse", "--full-history", commit, "--", *folders).text.split()
    there = {(problem.at.file, problem.at.line) for problem in found}
    past = check_commits(replace(settings, root=bench.git), commits, folders)
    return [*found, *(it for it in past if it.code == "secret" and (it.at.file, it.at.line) not in there)]


def _in_tree(bench: Workbench, commit: str, settings: Settings) -> Iterator[Problem]:
    limit = settings.max_file_mb * 1_000_000
    files = [it for it in entries(bench, commit) if it.mode.startswith("100") and it.size <= limit]
    with SecretScan(settings) as scan:
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            for name, blob in contents_of(bench, chunk).items():
                path = Path(name)
                for secret in scan.secrets(GuardedFile(path, name, path, blob.data)):
                    yield replace(as_problem(secret), fix=_REVOKE)
