"""`mlroad guard selftest`: plants what every guard must stop, and is red when one of them lets it pass.

It plants into a repo in a temporary folder, with this repo's own settings and house rules, and starts the
very command that hooks and CI start. What was switched off by mistake is found here, and not after a leak.
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
    """Run every trial, and tell its name and what went wrong."""
    trials: dict[str, Callable[[Settings], list[str]]] = {
        "a secret of each family is found": _families,
        "secrets are found in .py, .env, .ipynb, its outputs and lock files, also from a subfolder": _places,
        "the team's own rules find their examples": _house_rules,
        "canary 1: a call around a secret hides nothing": _calls,
        "canary 2: a missing plugin stops the scan": _missing_plugin,
        "canary 3: an allowed token hides no other": _allowed_token,
        "large files, conflict markers and .rej files are found": _content,
        "harmless files pass": _harmless,
    }
    for name, trial in trials.items():
        yield name, trial(settings)


def _families(settings: Settings) -> list[str]:
    planted = {f"planted_{number}.txt": sample for number, sample in enumerate(samples())}
    with _repo(settings, {name: sample.written() for name, sample in planted.items()}) as root:
        told = _guard(root, root)
    return [
        f"not found: {sample.family} in {name}"
        for name, sample in planted.items()
        if not _tells(told, name, "secret")
    ]


def _places(settings: Settings) -> list[str]:
    token = _token("github")
    cell: dict[str, object] = {
        "cell_type": "code",
        "metadata": {},
        "source": [],
        "execution_count": None,
        "outputs": [],
    }
    out = {**cell, "outputs": [{"output_type": "stream", "name": "stdout", "text": [f"{token}\n"]}]}
    files = {
        "planted.py": f'g = Github("{token}")\n',
        ".env": f"GH={token}\n",
        "source.ipynb": _notebook({**cell, "source": [f'Github("{token}")']}),
        "output.ipynb": _notebook(out),
        "uv.lock": f'url = "https://x:{token}@ml.net"\n',
        "swagger.json": f'["{token}"]\n',
        "sub/clean.py": "x = 1\n",
    }
    with _repo(settings, files) as root:
        told = _guard(root, root / "sub")
    return [
        f"not found: {name}"
        for name in files
        if not name.startswith("sub") and not _tells(told, name, "secret")
    ]


def _house_rules(settings: Settings) -> list[str]:
    house = load_house_rules(settings.house_file)
    if not house.examples:
        return []
    files = {f"house_{number}.txt": f"{example}\n" for number, example in enumerate(house.examples)}
    with _repo(settings, files) as root:
        told = _guard(root, root)
    return [
        f"not found: {rule.kind}"
        for name, rule in zip(files, house.rules, strict=True)
        if not _tells(told, name, "secret")
    ]


def _calls(settings: Settings) -> list[str]:
    lines = {
        "openai.py": _written("openai", 'client = OpenAI(api_key="{}")\n'),
        "blob.py": _written(
            "azure", 'c = BlobServiceClient.from_connection_string("AccountName=a;AccountKey={}")\n'
        ),
        "entra.py": _written("github", 'c = Credential(tenant_id="a", client_id="b", client_secret="{}")\n'),
    }
    with _repo(settings, lines) as root:
        told = _guard(root, root)
    return [f"not found: {name}" for name in lines if not _tells(told, name, "secret")]


def _missing_plugin(settings: Settings) -> list[str]:
    try:
        with open_secret_engine(settings.house_file, Path("no/such/plugin.py")):
            return ["the engine started without the house plugin"]
    except UserError:
        pass
    with _repo(replace(settings, house_file=None), {"a.py": "x = 1\n"}) as root:
        (root / "pyproject.toml").write_text('[tool.mlroad]\nsecret-rules = "gone.toml"\n', encoding="utf-8")
        code = _run(root).returncode
    return [] if code == 2 else [f"a missing rules file ended with exit {code}, not 2"]


def _allowed_token(settings: Settings) -> list[str]:
    known, new = (sample.secret for sample in _pair("github"))
    allow = f'\n[[allow]]\nsha256 = "{digest_of(known)}"\nfile = "a.txt"\nreason = "selftest"\n'
    with _repo(settings, {"a.txt": f"first {known}\nthen {new}\n", "b.txt": f"{known}\n"}) as root:
        house = root / HOUSE_FILE
        house.parent.mkdir(exist_ok=True)
        with house.open("a", encoding="utf-8", newline="\n") as file:
            file.write(allow)
        told = _guard(root, root)
    faults = (
        [] if any(line.startswith("a.txt:2: secret") for line in told) else ["the second token was hidden"]
    )
    faults += [] if _tells(told, "b.txt", "secret") else ["the token was allowed in another file too"]
    return faults + (["the entry has no effect"] if any(line.startswith("a.txt:1:") for line in told) else [])


def _content(settings: Settings) -> list[str]:
    files = {
        "merge.txt": f"{'<' * 7} ours\na\n{'=' * 7}\nb\n{'>' * 7} theirs\n",
        "patch.py.rej": "-a\n",
        "big.bin": "",
    }
    with _repo(settings, files) as root:
        with (root / "big.bin").open("wb") as big:
            big.truncate(int(settings.max_file_mb * 1_000_000) + 1)
        told = _guard(root, root)
    wanted = {"merge.txt": "conflict-marker", "patch.py.rej": "rejected-patch", "big.bin": "large-file"}
    return [f"not found: {name}" for name, code in wanted.items() if not _tells(told, name, code)]


def _harmless(settings: Settings) -> list[str]:
    files = {
        "a.py": 'key = os.environ["KEY"]\npassword = getpass()\n',
        "b.md": "Title\n=======\n\nexport TOKEN=<token>\n",
        "c.yml": "token: ${{ secrets.TOKEN }}\n",
    }
    with _repo(settings, files) as root:
        told = _guard(root, root)
    return [f"false alarm: {line}" for line in told if line.startswith(tuple(files))]


def _pair(family: str) -> list[Sample]:
    return [sample for seed in (1, 2) for sample in samples(seed) if sample.family == family][::2][:2]


def _token(family: str) -> str:
    return next(sample.secret for sample in samples() if sample.family == family)


def _written(family: str, text: str) -> str:
    return text.replace("{}", _token(family))


def _notebook(cell: dict[str, object]) -> str:
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def _tells(told: list[str], name: str, code: str) -> bool:
    return any(line.startswith(f"{name}:") and f": {code}: " in line for line in told)


@contextmanager
def _repo(settings: Settings, files: dict[str, str]) -> Iterator[Path]:
    """A fresh repo with the settings and house rules of this one, and some files."""
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
    """What the command tells, with the paths as seen from the root."""
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
    # A hook's GIT_DIR would lead git to the wrong repo.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "PYTHONPATH": str(_PACKAGE.parent), "PYTHONIOENCODING": "utf-8"}
