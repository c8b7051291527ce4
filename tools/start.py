"""What `start.py` does, with the standard library alone: make a repo, or prove the template."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
TOOLS = TEMPLATE / ".tools"
UV = "uv==0.13.6"
COPIER = "copier>=9.19,<10"
# The date up to which releases are taken; pyproject.toml and the generated repos hold the same one.
EXCLUDE_NEWER = "2026-11-15T00:00:00Z"


class Stop(Exception):
    """Ends the program with a message and an exit code (2: the user can mend it, 1: a check failed)."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def say(text: str) -> None:
    """One line of progress, at once, also in a log."""
    print(f"==> {text}", flush=True)


def require_git() -> None:
    if shutil.which("git") is None:
        raise Stop("git was not found. Install it from https://git-scm.com/downloads, then run this again.")


def find_uv() -> Path:
    """The pinned uv: one that an earlier call put into .tools, or a fresh one by pip.

    `pip install --target` needs neither a virtual environment nor rights on the system's Python.
    """
    binary = TOOLS / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    stamp = TOOLS / "installed.txt"
    if binary.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == UV:
        return binary
    say(f"getting {UV} with pip (once)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    command += ["--target", str(TOOLS), UV]
    if subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    ).returncode:
        raise Stop(
            f"{sys.executable} has no pip. Install it (`python -m ensurepip`, or your system's python3-pip)."
        )
    if subprocess.run(command, check=False).returncode:
        raise Stop("pip could not install uv: see its message above. Check the network or the pip settings.")
    stamp.write_text(UV, encoding="utf-8")
    return binary


def environment() -> dict[str, str]:
    """The caller's environment, without a virtual environment that uv would mistake for the new repo's.

    uv is told to trust what the system trusts: behind a company's proxy it fails otherwise, as pip does not.
    Python may keep its bytecode (in the new .venv): without it, every step would compile its libraries anew.
    """
    dropped = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {"UV_SYSTEM_CERTS": "1", **kept}


def run(command: Sequence[str | Path], cwd: Path) -> int:
    return subprocess.run([str(part) for part in command], cwd=cwd, env=environment(), check=False).returncode


def copier(uv: Path, arguments: Sequence[str]) -> None:
    """Run Copier; a wrong answer is told in one line, where Copier itself would show a traceback.

    Its questions go to the terminal through standard output, so only the errors are held back.
    """
    command = [
        str(uv),
        "tool",
        "run",
        "--quiet",
        "--python",
        sys.executable,
        "--exclude-newer",
        EXCLUDE_NEWER,
    ]
    command += ["--from", COPIER, "copier", "copy", *arguments]
    result = subprocess.run(
        command, env=environment(), stderr=subprocess.PIPE, text=True, encoding="utf-8", check=False
    )
    if result.returncode == 0:
        return
    # Copier raises a bare ValueError for an answer that it does not accept.
    mistake = next((line for line in result.stderr.splitlines() if line.startswith("ValueError: ")), None)
    if mistake:
        raise Stop(f"nothing was made: {mistake.removeprefix('ValueError: ')}")
    if result.returncode == 130 or "Execution stopped by user" in result.stderr:
        raise KeyboardInterrupt
    raise Stop(f"nothing was made: Copier failed.\n{result.stderr.rstrip()}", 1)


def answers(pairs: Sequence[str]) -> dict[str, str]:
    """The answers given beforehand; one for a question that does not exist would be dropped silently."""
    known = re.findall(r"^([a-z]\w*):$", (TEMPLATE / "copier.yml").read_text(encoding="utf-8"), re.MULTILINE)
    given = dict(pair.partition("=")[::2] for pair in pairs)
    for name in given.keys() - set(known):
        close = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean {close[0]}?" if close else f"The questions are {', '.join(known)}."
        raise Stop(f"--data {name}=…: there is no such question. {hint}")
    return given


def python_for(folder: Path) -> str:
    """The Python of the new repo: this one, or what uv finds or gets if the repo asks for a newer one."""
    text = (folder / ".copier-answers.yml").read_text(encoding="utf-8")
    wanted = re.search(r"^python_version: [\"']?(\d+)\.(\d+)", text, re.MULTILINE)
    if wanted is None or sys.version_info[:2] >= (int(wanted[1]), int(wanted[2])):
        return sys.executable
    version = f"{wanted[1]}.{wanted[2]}"
    own = "{}.{}".format(*sys.version_info[:2])
    say(f"the repo asks for Python {version}, and this is {own}: uv looks for one, or downloads it")
    return version


def new(options: argparse.Namespace) -> None:
    """Copy the template, install its environment and hooks, and train the sample."""
    require_git()
    folder = Path(options.folder).expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} is not an empty folder. Name one that is empty or does not exist yet.")
    if folder == TEMPLATE or TEMPLATE in folder.parents:
        raise Stop(f"{folder} lies inside the template itself. Name a folder outside of {TEMPLATE}.")
    data = answers(options.data)
    data.setdefault("template", options.template)
    started = time.monotonic()
    uv = find_uv()
    say(f"copying the {data['template']} template to {folder}")
    arguments = ["--quiet", "--vcs-ref", "HEAD"]
    if options.defaults or not sys.stdin.isatty():
        arguments.append("--defaults")
    for key, value in data.items():
        arguments += ["--data", f"{key}={value}"]
    copier(uv, [*arguments, str(TEMPLATE), str(folder)])
    if not (folder / ".git").exists():
        run(["git", "init", "--quiet", "--initial-branch", "main"], folder)
    say("installing the environment (the first time takes a minute)")
    if run([uv, "sync", "--quiet", "--python", python_for(folder)], folder):
        raise Stop(
            f"`uv sync` failed in {folder}: see its message above. The files are there: mend the cause, then "
            f"run `{uv} sync` and `{uv} run mlroad setup` in that folder.",
            1,
        )
    say("installing the git hooks")
    if run([uv, "run", "--no-sync", "mlroad", "setup"], folder):
        raise Stop(f"`uv run mlroad setup` failed in {folder}: see its message above.", 1)
    first = first_command(folder, data["template"])
    if (folder / "models" / "diabetes").is_dir():
        say(f"training the sample: {first}")
        if run([uv, "run", "--no-sync", *first.split()], folder):
            raise Stop(f"the sample did not finish: see its message above. The files are in {folder}.", 1)
    tell_next_steps(folder, first, time.monotonic() - started)


def first_command(folder: Path, template: str) -> str:
    """What trains the sample, or makes a model where there is none."""
    if not (folder / "models" / "diabetes").is_dir():
        return "mlroad new my_model"
    return "mlroad train diabetes" if template == "factory" else "mlroad run models/diabetes"


def tell_next_steps(folder: Path, first: str, seconds: float) -> None:
    say(f"done in {seconds:.0f} s: {folder}")
    lines = "\n".join(f"    {line}" for line in next_steps(folder, first))
    print(f"\nNext:\n\n{lines}\n\nREADME.md there has the rest.")


def next_steps(folder: Path, first: str) -> list[str]:
    """The commands that come next, as they work on this machine."""
    lines = [f"cd {quoted(folder)}"]
    prefix = "uv run "
    if shutil.which("uv") is None:
        prefix = ""
        activate = r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"
        own = quoted(TOOLS / "bin" / ("uv.exe" if os.name == "nt" else "uv"))
        lines += [
            f"{activate}    # or install uv (https://docs.astral.sh/uv) and write `uv run` before a command,",
            f"{' ' * len(activate)}    # or use the one that is here: `{own} run`",
        ]
    lines += ["git add --all", *who_commits(folder), 'git commit -m "Start"']
    return [*lines, f"{prefix}{first}"]


def who_commits(folder: Path) -> list[str]:
    """The commands that tell git who commits, as far as it does not know: it would refuse the commit."""
    missing = []
    for name, example in (("name", '"Your Name"'), ("email", "you@example.com")):
        told = [f"GIT_AUTHOR_{name.upper()}", f"GIT_COMMITTER_{name.upper()}"]
        if all(os.environ.get(variable) for variable in told):
            continue
        found = subprocess.run(
            ["git", "config", f"user.{name}"], cwd=folder, capture_output=True, text=True, check=False
        )
        if not found.stdout.strip():
            missing.append(f"git config --global user.{name} {example}")
    return missing


def quoted(path: Path) -> str:
    """A path to paste into a shell."""
    if os.name == "nt":
        return f'"{path}"' if " " in str(path) else str(path)
    return shlex.quote(str(path))


def test(options: argparse.Namespace) -> None:
    """Lint, types, workflows and all tests of the template itself."""
    require_git()
    uv = find_uv()
    say("installing the template's development environment")
    if run([uv, "sync", "--quiet", "--python", sys.executable], TEMPLATE):
        raise Stop("`uv sync` failed: see its message above.", 1)
    tools: list[list[str]] = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]]
    # Two workers, as the smallest CI machines have; one file stays on one worker, for its fixtures.
    pytest = ["pytest", "-n", str(min(4, os.cpu_count() or 1)), "--dist", "worksteal", *options.pytest]
    if options.fast:
        pytest += ["-m", "not slow"]
    failed = []
    for tool in [*tools, pytest]:
        say(" ".join(tool))
        if run([uv, "run", "--no-sync", *tool], TEMPLATE):
            failed.append(tool[0])
    if failed:
        raise Stop(f"failed: {', '.join(failed)}", 1)
    say("all green")


def parser() -> argparse.ArgumentParser:
    main_parser = argparse.ArgumentParser(
        prog="start.py",
        description="Make a machine-learning repo from this template, or prove the template itself.",
        epilog="Examples:\n"
        "  python3 start.py new ../my-models                    a prototyping repo; the sample is trained\n"
        "  python3 start.py new ../factory --template factory   a model factory\n"
        "  python3 start.py new ../my-models -d project_name=churn -d sample=false --defaults\n"
        "  python3 start.py test                                all tests (some 20 minutes on 2 cores)\n"
        "  python3 start.py test --fast                         those that take a moment\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="{new,test}")
    make = commands.add_parser("new", help="make a repo, install its tools and hooks, train the sample")
    make.add_argument("folder", help="where to make it: an empty folder, or one that does not exist yet")
    make.add_argument(
        "--template", choices=["prototype", "factory"], default="prototype", help="(default: %(default)s)"
    )
    make.add_argument(
        "-d",
        "--data",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        type=key_value,
        help="an answer, beforehand",
    )
    make.add_argument("--defaults", action="store_true", help="ask nothing; take the defaults")
    make.set_defaults(call=new)
    prove = commands.add_parser("test", help="lint, types and all tests of the template")
    prove.add_argument("--fast", action="store_true", help="only the tests that take a moment")
    prove.add_argument("pytest", nargs="*", help="words for pytest, after --")
    prove.set_defaults(call=test)
    return main_parser


def key_value(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as project_name=churn-models")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 (a check failed), 2 (a mistake that the user can mend), 130 (stopped)."""
    options = parser().parse_args(arguments)
    try:
        options.call(options)
    except Stop as stop:
        sys.stderr.write(f"start.py: {stop}\n")
        return stop.code
    except KeyboardInterrupt:
        sys.stderr.write("start.py: stopped.\n")
        return 130
    return 0
