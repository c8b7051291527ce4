"""`mlroad guard selftest`: plants what each guard must find, and fails if a guard misses it.

It plants files in a temporary repo with the settings and team rules of this repo, and runs the same command
as the hook and CI. So you notice a guard that was switched off by mistake before something leaks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import mlroad
from mlroad.core.problems import UserError
from mlroad.guard.guard_settings import HOUSE_FILE, Settings
from mlroad.guard.house_rules import digest_of, load_house_rules
from mlroad.guard.secret_engine import open_secret_engine
from mlroad.guard.secret_samples import Sample, samples

_PACKAGE = Path(mlroad.__file__).parent


def run_trials(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Run all trials. Yields the name of each one and what failed in it."""
    trials: dict[str, Callable[[Settings], list[str]]] = {
        "a secret of each family is found": _families,
        "secrets are found in .py, .env, .ipynb, its outputs and lock files, also from a subfolder": _places,
        "the team's own rules find their examples": _house_rules,
        "canary 1: a call around a secret does not hide it": _calls,
        "canary 2: a missing plugin stops the scan": _missing_plugin,
        "canary 3: an allowed token does not hide others": _allowed_token,
        "large files, conflict markers and .rej files are found": _file_checks,
        "harmless files pass": _harmless,
    }
    for name, trial in trials.items():
        yield name, trial(settings)


def _families(settings: Settings) -> list[str]:
    planted = {f"{sample.family} {number}.txt": sample.written() for number, sample in enumerate(samples())}
    return [f"not found: {name}" for name in _missed(settings, planted)]


def _places(settings: Settings) -> list[str]:
    token = _token("github")
    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "source": [], "execution_count": None}
    stdout = {"output_type": "stream", "name": "stdout", "text": [f"{token}\n"]}
    files = {
        "planted.py": f'g = Github("{token}")\n',
        ".env": f"GH={token}\n",
        "source.ipynb": _notebook({**cell, "source": [f'Github("{token}")'], "outputs": []}),
        "output.ipynb": _notebook({**cell, "outputs": [stdout]}),
        "uv.lock": f'url = "https://x:{token}@ml.net"\n',
        "swagger.json": f'["{token}"]\n',
    }
    return [f"not found: {name}" for name in _missed(settings, files, "sub")]


def _house_rules(settings: Settings) -> list[str]:
    house = load_house_rules(settings.house_file)
    examples = {
        f"house_{number}.txt": (rule.kind, f"{example}\n")
        for number, (rule, example) in enumerate(zip(house.rules, house.examples, strict=True))
    }
    missed = _missed(settings, {name: text for name, (_, text) in examples.items()})
    return [f"not found: {examples[name][0]}" for name in missed]


def _calls(settings: Settings) -> list[str]:
    azure = 'c = BlobServiceClient.from_connection_string("AccountName=a;AccountKey={}")\n'
    files = {
        "openai.py": _written("openai", 'client = OpenAI(api_key="{}")\n'),
        "blob.py": _written("azure", azure),
        "entra.py": _written("github", 'c = Credential(tenant_id="a", client_id="b", client_secret="{}")\n'),
    }
    return [f"not found: {name}" for name in _missed(settings, files)]


def _missing_plugin(settings: Settings) -> list[str]:
    try:
        with open_secret_engine(settings.house_file, Path("no/such/plugin.py")):
            return ["the scan started without its plugin"]
    except UserError:
        pass
    with _repo(replace(settings, house_file=None), {"a.py": "x = 1\n"}) as root:
        (root / "pyproject.toml").write_text('[tool.mlroad]\nsecret-rules = "gone.toml"\n', encoding="utf-8")
        code = _run(root).returncode
    return [] if code == 2 else [f"a missing rules file caused exit code {code}, not 2"]


def _allowed_token(settings: Settings) -> list[str]:
    known, new = (sample.secret for sample in _pair("github"))
    allow = f'\n[[allow]]\nsha256 = "{digest_of(known)}"\nfile = "a.txt"\nreason = "selftest"\n'
    with _repo(settings, {"a.txt": f"first {known}\nthen {new}\n", "b.txt": f"{known}\n"}) as root:
        house = root / HOUSE_FILE
        house.parent.mkdir(exist_ok=True)
        with house.open("a", encoding="utf-8", newline="\n") as file:
            file.write(allow)
        lines = _guard(root, root)
    faults = (
        [] if any(line.startswith("a.txt:2: secret") for line in lines) else ["the second token was hidden"]
    )
    faults += [] if _reports(lines, "b.txt", "secret") else ["the token was allowed in another file too"]
    return faults + (
        ["the [[allow]] entry has no effect"] if any(line.startswith("a.txt:1:") for line in lines) else []
    )


def _file_checks(settings: Settings) -> list[str]:
    files = {
        "merge.txt": f"{'<' * 7} ours\na\n{'=' * 7}\nb\n{'>' * 7} theirs\n",
        "patch.py.rej": "-a\n",
        "big.bin": "",
    }
    with _repo(settings, files) as root:
        with (root / "big.bin").open("wb") as big:
            big.truncate(int(settings.max_file_mb * 1_000_000) + 1)
        lines = _guard(root, root)
    wanted = {"merge.txt": "conflict-marker", "patch.py.rej": "rejected-patch", "big.bin": "large-file"}
    return [f"not found: {name}" for name, code in wanted.items() if not _reports(lines, name, code)]


def _harmless(settings: Settings) -> list[str]:
    files = {
        "a.py": 'key = os.environ["KEY"]\npassword = getpass()\n',
        "b.md": "Title\n=======\n\nexport TOKEN=<token>\n",
        "c.yml": "token: ${{ secrets.TOKEN }}\n",
    }
    with _repo(settings, files) as root:
        lines = _guard(root, root)
    return [f"false alarm: {line}" for line in lines if line.startswith(tuple(files))]


def _pair(family: str) -> list[Sample]:
    return [sample for seed in (1, 2) for sample in samples(seed) if sample.family == family][::2][:2]


def _token(family: str) -> str:
    return next(sample.secret for sample in samples() if sample.family == family)


def _written(family: str, text: str) -> str:
    return text.replace("{}", _token(family))


def _notebook(cell: dict[str, object]) -> str:
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def _reports(lines: list[str], name: str, code: str) -> bool:
    return any(line.startswith(f"{name}:") and f": {code}: " in line for line in lines)


def _missed(settings: Settings, files: dict[str, str], folder: str = ".") -> list[str]:
    """The files in which the guard, started in ``folder``, finds no secret."""
    with _repo(settings, files) as root:
        (root / folder).mkdir(exist_ok=True)
        lines = _guard(root, root / folder)
    return [name for name in files if not _reports(lines, name, "secret")]


@contextmanager
def _repo(settings: Settings, files: dict[str, str]) -> Iterator[Path]:
    """A temporary repo with the settings and team rules of this one, and some files."""
    with tempfile.TemporaryDirectory(prefix="mlroad-selftest-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        (root / "pyproject.toml").write_text(
            f"[tool.mlroad]\nmax-file-mb = {settings.max_file_mb}\n", encoding="utf-8"
        )
        if settings.house_file:
            (root / HOUSE_FILE).parent.mkdir()
            shutil.copyfile(settings.house_file, root / HOUSE_FILE)
        for file, text in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        subprocess.run(
            ["git", "init", "--quiet", str(root)], env=_environment(), check=True, capture_output=True
        )
        yield root


def _guard(root: Path, folder: Path) -> list[str]:
    """The output lines of the command, with paths relative to the root."""
    done = _run(folder)
    return [
        line.replace(f"{root.as_posix()}/", "").replace(f"{root}{os.sep}", "")
        for line in done.stdout.splitlines()
    ]


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlroad", "guard", "--all"]
    return subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, encoding="utf-8", check=False
    )


def _environment() -> dict[str, str]:
    # A hook sets GIT_DIR, which would point git to the wrong repo.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "PYTHONPATH": str(_PACKAGE.parent), "PYTHONIOENCODING": "utf-8"}
