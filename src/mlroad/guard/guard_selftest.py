"""`mlroad guard selftest`: plants what each guard must stop, and fails if a guard lets it pass.

Each trial runs the real command, hook or scanner in a temporary repo with the settings, rules and hooks of
this repo, and reads its exit code. So you notice a guard that was switched off before something leaks.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.guard.guard_settings import HOUSE_FILE, Settings
from mlroad.guard.hook_trial import try_hooks
from mlroad.guard.house_rules import digest_of, load_house_rules
from mlroad.guard.planted_repo import code_cell, guard, notebook, planted_repo, run_guard
from mlroad.guard.second_scan_trial import try_second_scan
from mlroad.guard.secret_engine import open_secret_engine
from mlroad.guard.secret_samples import samples, token
from mlroad.guard.workflow_check import check_workflow

# GitHub refuses files above this size anyway.
_MAX_MB = 100


def run_trials(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Run all trials. Yields the name of each one and what failed in it."""
    for name, trial in TRIALS.items():
        yield name, trial(settings)


def _kinds(settings: Settings) -> list[str]:
    planted = {f"{number}.{sample.ending}": sample for number, sample in enumerate(samples())}
    done = guard(settings, {name: sample.written() for name, sample in planted.items()})
    missed = [
        sample.kind for name, sample in planted.items() if not done.reports(name, "secret", sample.kind)
    ]
    return [f"not found: {kind}" for kind in missed] + done.must_report({})


def _places(settings: Settings) -> list[str]:
    secret = token("GitHub token")
    files = {
        "planted.py": f'g = Github("{secret}")\n',
        ".env": f"GH={secret}\n",
        "source.ipynb": notebook(code_cell(f'Github("{secret}")')),
        "output.ipynb": notebook(code_cell("", f"{secret}\n")),
        "uv.lock": f'url = "https://x:{secret}@ml.net"\n',
        "swagger.json": f'["{secret}"]\n',
    }
    return guard(settings, files, "sub").must_report(dict.fromkeys(files, "secret"))


def _house_rules(settings: Settings) -> list[str]:
    house = load_house_rules(settings.house_file)
    if not house.rules:
        return []
    examples = {
        f"house_{number}.txt": (rule.kind, f"{example}\n")
        for number, (rule, example) in enumerate(zip(house.rules, house.examples, strict=True))
    }
    done = guard(settings, {name: text for name, (_, text) in examples.items()})
    missed = [kind for name, (kind, _) in examples.items() if not done.reports(name, "secret")]
    return [f"not found: {kind}" for kind in missed] + done.must_report({})


def _calls(settings: Settings) -> list[str]:
    key, secret = token("Azure account key in a connection string"), token("GitHub token")
    files = {
        "openai.py": f'client = OpenAI(api_key="{token("OpenAI key")}")\n',
        "blob.py": f'c = BlobServiceClient.from_connection_string("AccountName=a;AccountKey={key}")\n',
        "entra.py": f'c = Credential(tenant_id="a", client_id="b", client_secret="{secret}")\n',
    }
    return guard(settings, files).must_report(dict.fromkeys(files, "secret"))


def _missing_plugin(settings: Settings) -> list[str]:
    try:
        with open_secret_engine(settings.house_file, Path("no/such/plugin.py")):
            return ["the scan started without its plugin"]
    except UserError:
        pass
    with planted_repo(replace(settings, house_file=None), {"a.py": "x = 1\n"}) as root:
        (root / "pyproject.toml").write_text('[tool.mlroad]\nsecret-rules = "gone.toml"\n', encoding="utf-8")
        code = run_guard(root, "--all").code
    return [] if code == 2 else [f"a missing rules file caused exit code {code}, not 2"]


def _allowed_token(settings: Settings) -> list[str]:
    known, new = token("GitHub token", 1), token("GitHub token", 2)
    allow = f'\n[[allow]]\nsha256 = "{digest_of(known)}"\nfile = "a.txt"\nreason = "selftest"\n'
    with planted_repo(settings, {"a.txt": f"first {known}\nthen {new}\n", "b.txt": f"{known}\n"}) as root:
        house = root / HOUSE_FILE
        house.parent.mkdir(exist_ok=True)
        with house.open("a", encoding="utf-8", newline="\n") as file:
            file.write(allow)
        done = run_guard(root, "--all")
    faults = (
        []
        if any(line.startswith("a.txt:2: secret") for line in done.lines)
        else ["the second token was hidden"]
    )
    faults += [] if done.reports("b.txt", "secret") else ["the token was allowed in another file too"]
    if any(line.startswith("a.txt:1:") for line in done.lines):
        faults.append("the [[allow]] entry has no effect")
    return faults + done.must_report({})


def _notebooks(settings: Settings) -> list[str]:
    ran = {"execution_count": 1}
    planted = {
        "broken.ipynb": ("notebook-broken", '{"cells": [\n'),
        "form.ipynb": ("notebook-form", notebook(code_cell("x = 1"), indent=None)),
        "outputs.ipynb": ("notebook-outputs", notebook({**code_cell("print(1)", "1\n"), **ran})),
    }
    if not settings.strip_outputs:
        del planted["outputs.ipynb"]
    faults = []
    for name, (code, text) in planted.items():
        with planted_repo(settings, {name: text}) as root:
            faults += run_guard(root, "--all").must_report({name: code})
            if code != "notebook-broken":
                faults += run_guard(root, "--fix", "--", name).must_report({name: code})
                faults += run_guard(root, "--all").must_pass()
    return faults


def _large_files(settings: Settings) -> list[str]:
    if settings.max_file_mb > _MAX_MB:
        return [
            f"max-file-mb in pyproject.toml is {settings.max_file_mb:g}; GitHub refuses more than {_MAX_MB}"
        ]
    with planted_repo(settings, {"big.bin": ""}) as root:
        with (root / "big.bin").open("wb") as big:
            big.truncate(int(settings.max_file_mb * 1_000_000) + 1)
        return run_guard(root, "--all").must_report({"big.bin": "large-file"})


def _conflicts(settings: Settings, name: str, code: str) -> list[str]:
    text = f"{'<' * 7} ours\na\n{'=' * 7}\nb\n{'>' * 7} theirs\n" if code == "conflict-marker" else "-a\n"
    return guard(settings, {name: text}).must_report({name: code})


def _harmless(settings: Settings) -> list[str]:
    files = {
        "a.py": 'key = os.environ["KEY"]\npassword = getpass()\n',
        "b.md": "Title\n=======\n\nexport TOKEN=<token>\n",
        "c.yml": "token: ${{ secrets.TOKEN }}\n",
        "d.ipynb": notebook(code_cell("x = 1")),
    }
    return guard(settings, files).must_pass()


TRIALS: dict[str, Callable[[Settings], list[str]]] = {
    "a secret of each kind is found": _kinds,
    "secrets are found in .py, .env, .ipynb, its outputs and lock files, also from a subfolder": _places,
    "the team's own rules find their examples": _house_rules,
    "canary 1: a call around a secret does not hide it": _calls,
    "canary 2: a missing plugin stops the scan": _missing_plugin,
    "canary 3: an allowed token does not hide others": _allowed_token,
    "notebooks that are broken, on one line, or have outputs are found and cleaned": _notebooks,
    "large files are found": _large_files,
    "conflict markers are found": lambda own: _conflicts(own, "merge.txt", "conflict-marker"),
    ".rej files are found": lambda own: _conflicts(own, "patch.py.rej", "rejected-patch"),
    "harmless files pass": _harmless,
    "a commit runs the hooks, and they stop what they must stop": try_hooks,
    "CI runs every guard, and fails when one of them fails": check_workflow,
    "the second scanner finds a secret": try_second_scan,
}
