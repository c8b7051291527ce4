"""What `start.py` does, without any package installed: `new`, `tour`, `test`, `docs` and `release`."""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.signals import raising
from mlroad.core.template import ANSWERS, answer, run_copier
from mlroad.core.text import did_you_mean, duration, quoted
from mlroad.core.uv_program import uv_environment
from mlroad.core.wheel import put_wheel, wheel_named
from tools.docs_site import BuildFailed, build, build_releases, builder
from tools.release import PARTS, Wanted, make, plan, tests_in_words
from tools.stopping import GRACE_SECONDS, Stopped, started
from tools.tour import walk_tour
from tools.tour_walk import TourFailed

TEMPLATE = Path(__file__).resolve().parent.parent
TOOLS = TEMPLATE / ".tools"
UV = "uv==0.13.6"


class StepFailed(Exception):
    """A step of this program failed: it ends with a message and the exit code 1."""


def say(text: str) -> None:
    """Print one line of progress and flush it, so that it also appears in a log at once."""
    print(f"==> {text}", flush=True)


def require_git() -> None:
    if shutil.which("git") is None:
        raise UserError("git was not found.", "Install it from https://git-scm.com/downloads and try again.")


def find_uv() -> Path:
    """Return the pinned uv, and install it in .tools with pip if it is not there yet.

    `pip install --target` needs neither a virtual environment nor write access to the system's Python.
    """
    binary = TOOLS / "bin" / ("uv.exe" if os.name == "nt" else "uv")
    os.environ["UV"] = str(binary)  # the tool's own modules look there
    stamp = TOOLS / "installed.txt"
    if binary.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == UV:
        return binary
    say(f"getting {UV} with pip (once)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    command += ["--target", str(TOOLS), UV]
    if subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    ).returncode:
        how = "Install it (`python -m ensurepip`, or your system's package python3-pip)."
        raise UserError(f"{sys.executable} has no pip.", how)
    # pip's warnings (of being root, of a newer pip) mean nothing here, so only a failure shows them.
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise UserError("pip could not install uv: see its message above.", "Check the network.")
    stamp.write_text(UV, encoding="utf-8")
    return binary


def environment() -> dict[str, str]:
    """The caller's environment, without the variables that would mislead the new repo's tools.

    Python may write bytecode files (to the new .venv): without them, every step would compile its libraries.
    """
    dropped = ("UV_PROJECT_ENVIRONMENT", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in uv_environment().items() if name not in dropped}


def run(command: Sequence[str | Path], cwd: Path, grace: float = GRACE_SECONDS, *, asks: bool = False) -> int:
    """Run a program; returns its exit code. One that ``asks`` the user something keeps the terminal."""
    with started(command, grace=grace, asks=asks, cwd=cwd, env=environment()) as process:
        return process.wait()


def answers(pairs: Sequence[str]) -> dict[str, str]:
    """The answers of --data. Copier would ignore one to a question that does not exist."""
    text = (TEMPLATE / "copier.yml").read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-z]\w*):\n((?:[ #].*\n|\n)*)", text, re.MULTILINE)
    known = [name for name, its in blocks if "  when: false\n" not in its]  # others are computed
    given = dict(pair.partition("=")[::2] for pair in pairs)
    for name in given.keys() - set(known):
        hint = did_you_mean(name, known, f"The questions are {', '.join(known)}.")
        raise UserError(f"--data {name}=…: there is no such question.", hint)
    return given


def template_address() -> tuple[str, str]:
    """The template's URL, which the repo records for updates, and the commit to use.

    The URL is that of the clone's origin if it has this commit, so that everyone in the team can update.
    Otherwise it is the clone's folder.
    """
    url = run_git(TEMPLATE, "remote", "get-url", "origin")
    # Drop a user name or token from the URL: everyone with access to the new repo can read its files.
    address = re.sub(r"^(https?://)[^/@]+@", r"\1", url.text)
    if not url.ok:
        reason = "it has no remote named origin"
    elif is_changed():
        reason = "it has changes that are not committed"
    elif not run_git(TEMPLATE, "branch", "--remotes", "--contains", "HEAD", "--list", "origin/*").text:
        reason = "its commit is not on origin"
    elif not run_git(
        TEMPLATE, "ls-remote", "--quiet", address, "HEAD", environment={"GIT_TERMINAL_PROMPT": "0"}
    ).ok:
        reason = f"origin ({address}) cannot be read"
    else:
        say(f"the template's address for updates is {address} (this clone's origin)")
        return address, run_git(TEMPLATE, "rev-parse", "HEAD", check=True).text
    say(
        f"the template's address for updates is {TEMPLATE} (this clone, because {reason}). "
        f"Only this machine can update from there: {TEMPLATE / 'docs' / 'how-to' / 'use-your-own-copy.md'}"
    )
    return str(TEMPLATE), "HEAD"


def is_changed() -> bool:
    """Whether the template has uncommitted changes."""
    status = run_git(TEMPLATE, "status", "--porcelain")
    return not status.ok or bool(status.text)


def own_python() -> str:
    """The version of the Python that runs this program, such as 3.12."""
    return "{}.{}".format(*sys.version_info[:2])


def wanted_python(folder: Path) -> str:
    """The Python that the new repo needs, such as 3.12."""
    return answer((folder / ANSWERS).read_text(encoding="utf-8"), "python_version") or own_python()


def python_for(folder: Path) -> str:
    """The Python for the new repo: this one, or one that uv finds or downloads if its version differs."""
    version = wanted_python(folder)
    if version == own_python():
        return sys.executable
    say(f"the repo needs Python {version} and this is {own_python()}: uv finds one, or downloads it")
    return version


def require_python(uv: Path, version: str) -> None:
    """Raises UserError unless uv finds this Python here or downloads it."""

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(uv), "python", *arguments]
        return subprocess.run(
            command, env=environment(), capture_output=True, text=True, encoding="utf-8", check=False
        )

    if version == own_python() or ask("find", version).returncode == 0:
        return
    say(f"Python {version} is not installed: uv downloads it")
    done = ask("install", "--quiet", version)
    if done.returncode == 0:
        return
    reason = (done.stderr.strip().splitlines() or ["uv gave no reason."])[-1].strip()
    here = re.findall(r"^cpython-(\d\.\d+)", ask("list", "--only-installed").stdout, re.MULTILINE)
    known = sorted({own_python(), *here}, key=lambda text: int(text.partition(".")[2]))
    raise UserError(
        f"Python {version} is not on this machine, and uv cannot download it ({reason}). "
        "Nothing was written.",
        f"Installed: {', '.join(known)}: choose one of them (-d python_version={own_python()}), "
        f"or install Python {version}.",
    )


def new(options: argparse.Namespace) -> None:
    """Copy the template, build the wheel, install the environment and hooks, and train the sample."""
    require_git()
    folder = Path(options.folder).expanduser().resolve()
    refuse_folder(folder)
    data = answers(options.data)
    data.setdefault("template", options.template)
    asking = sys.stdin.isatty() and not options.defaults
    if not asking and f'"{own_python()}"' in (TEMPLATE / "copier.yml").read_text(encoding="utf-8"):
        data.setdefault("python_version", own_python())  # it is here: nothing needs to be downloaded
    if not asking and data["template"] == "factory" and "dotnet" not in data and not shutil.which("dotnet"):
        data["dotnet"] = "false"  # its gates would be red here
        say("this machine has no .NET SDK, so the factory does not use one (`-d dotnet=true` does)")
    began = time.monotonic()
    uv = find_uv()
    if f'"{data.get("python_version")}"' in (TEMPLATE / "copier.yml").read_text(encoding="utf-8"):
        require_python(uv, data["python_version"])
    address, reference = template_address()
    say(f"copying the {data['template']} template to {folder}")
    arguments = ["copy", "--quiet", "--vcs-ref", reference]
    if not asking:
        arguments.append("--defaults")
    for key, value in data.items():
        arguments += ["--data", f"{key}={value}"]
    copy_template([*arguments, address, str(folder)], folder, uv)
    if not (folder / ".git").exists():
        run(["git", "init", "--quiet", "--initial-branch", "main"], folder)
    wheel = wheel_named(folder)
    if wheel:
        say(f"building {wheel.as_posix()}")
        put_wheel(folder, wheel, str(TEMPLATE), from_disk=is_changed())
    say("installing the environment (the first time takes a minute)")
    # git and ssh may ask for a password here: of a private index, or of the template.
    if run([uv, "sync", "--quiet", "--python", python_for(folder)], folder, asks=True):
        raise StepFailed(
            f"`uv sync` failed in {folder}: see its message above. The files are there. Fix the cause and "
            f"run `{uv} run mlroad setup` in that folder."
        )
    say("installing the git hooks")
    if run([uv, "run", "--no-sync", "mlroad", "setup"], folder, asks=True):
        raise StepFailed(f"`uv run mlroad setup` failed in {folder}: see its message above.")
    first = first_command(folder, data["template"])
    if (folder / "models" / "diabetes").is_dir():
        say(f"training the sample: {first}")
        if run([uv, "run", "--no-sync", *first.split()], folder):
            raise StepFailed(f"the sample's run failed: see its message above. The files are in {folder}.")
    tell_next_steps(folder, first, time.monotonic() - began)


def refuse_folder(folder: Path) -> None:
    """Raises UserError if there cannot be a new repo in this folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder.", "Name one that is empty or does not exist.")
    if folder == TEMPLATE or TEMPLATE in folder.parents:
        raise UserError(f"{folder} is inside the template.", f"Name a folder outside of {TEMPLATE}.")
    refuse_nested(folder)


def copy_template(arguments: Sequence[str], folder: Path, uv: Path) -> None:
    """Run Copier. If the Python of its answers is missing, the folder is as before. Raises UserError."""
    was_there = folder.exists()
    run_copier(arguments, TEMPLATE)
    try:
        require_python(uv, wanted_python(folder))  # the answer may have been given just now
    except UserError:
        shutil.rmtree(folder)
        if was_there:
            folder.mkdir()
        raise


def refuse_nested(folder: Path) -> None:
    """Raises UserError if the folder is inside a git repo that does not ignore it."""
    outer = next(parent for parent in folder.parents if parent.is_dir())
    top = run_git(outer, "rev-parse", "--show-toplevel")
    if top.ok and not run_git(outer, "check-ignore", "--quiet", "--", f"{folder.as_posix()}/").ok:
        what = f"{folder} is inside the git repo {top.text}, which would get a repo inside it."
        raise UserError(what, "Name a folder outside of it, or add the folder to its .gitignore.")


def first_command(folder: Path, template: str) -> str:
    """The command that trains the sample, or creates a model if there is no sample."""
    if not (folder / "models" / "diabetes").is_dir():
        return "mlroad new my_model"
    return "mlroad train diabetes" if template == "factory" else "mlroad run models/diabetes"


def tell_next_steps(folder: Path, first: str, seconds: float) -> None:
    say(f"done in {duration(seconds)}: {folder}")
    lines = "\n".join(f"    {line}" for line in next_steps(folder, first))
    print(f"\nNext:\n\n{lines}\n\nREADME.md there has the rest.")


def next_steps(folder: Path, first: str) -> list[str]:
    """The next commands, in the form that works on this machine."""
    lines = [f"cd {quoted(str(folder))}"]
    prefix = "uv run "
    if shutil.which("uv") is None:
        prefix = ""
        activate = r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"
        own = quoted(str(TOOLS / "bin" / ("uv.exe" if os.name == "nt" else "uv")))
        lines += [
            f"{activate}    # or install uv (https://docs.astral.sh/uv) and write `uv run` before a command,",
            f"{' ' * len(activate)}    # or use the one that is here: `{own} run`",
        ]
    lines += ["git add --all", *who_commits(folder), 'git commit -m "Start"']
    return [*lines, f"{prefix}{first}"]


def who_commits(folder: Path) -> list[str]:
    """The commands that set git's user name and email if they are missing: git would refuse the commit."""
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


def test(options: argparse.Namespace) -> None:
    """Lint, types, workflows and all tests of the template itself."""
    require_git()
    uv = find_uv()
    say("installing the template's development environment")
    if run([uv, "sync", "--quiet", "--python", sys.executable], TEMPLATE):
        raise StepFailed("`uv sync` failed: see its message above.")
    tools = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]]
    # At most four workers: each one renders and builds its own session fixtures.
    pytest = ["pytest", "-n", str(min(4, 1 + (os.cpu_count() or 1))), "--dist", "worksteal", *options.pytest]
    if options.fast:
        pytest += ["-m", "not slow"]
    failed = []
    for tool in [*tools, pytest]:
        say(" ".join(tool))
        if run([uv, "run", "--no-sync", *tool], TEMPLATE):
            failed.append(tool[0])
    if failed:
        raise StepFailed(f"failed: {', '.join(failed)}")
    say("all green")


def tour(options: argparse.Namespace) -> None:
    """Walk a model's whole way, from a new prototyping repo to a champion and an update."""
    require_git()
    folder = Path(options.folder).expanduser().resolve()
    refuse_folder(folder)
    try:
        page = walk_tour(folder, TEMPLATE, find_uv(), environment())
    except TourFailed as error:
        raise StepFailed(f"{error}\nWhat there is: {folder}") from None
    say(f"done: {page}")
    print(
        f"\nOpen that page in a browser. The repos are in {folder}: look around. "
        "Delete the folder when you have seen enough."
    )


def docs(options: argparse.Namespace) -> None:
    """Build the documentation site. A dead link fails it."""
    require_git()
    command = builder(find_uv())
    make = build_releases if options.releases else build
    say("building the documentation site")
    try:
        site = make(TEMPLATE, command, environment())
    except BuildFailed as error:
        raise StepFailed(f"the site was not built:\n{error}") from None
    say(f"done: {site / 'index.html'}")


def release(options: argparse.Namespace) -> None:
    """Set the version and the date of the resolution, write the changelog, run the tests, commit and tag."""
    require_git()
    wanted = Wanted(options.version, options.resolution, not options.no_tag, options.as_written)
    it = plan(TEMPLATE, wanted)
    if it is None:
        say("nothing to do: there are no commits since the last release")
        return
    for note in it.notes:
        say(note)
    what = "prepare" if options.no_tag else "release"
    say(f"{what} {it.version}; {len(it.texts)} files change")
    if options.dry_run:
        print(it.diff(), end="")
        say("dry run: nothing was changed, and the tests were not run")
        return
    try:
        make(it, skip_tests if options.skip_tests else tested)
    except KeyboardInterrupt:
        say("nothing was released, and this checkout is as before")
        raise
    if options.no_tag:
        say(f"prepared. After the merge: `python3 start.py release {it.version}` on the main branch")
    else:
        branch = run_git(TEMPLATE, "branch", "--show-current").text
        say(f"done. Nothing was pushed. Publish it: git push --atomic origin {branch} v{it.version}")


def tested(folder: Path) -> str:
    """Run all tests of the release in its own checkout; returns the line for the commit and the tag."""
    say("running the tests on what will be released (20 to 25 minutes on 2 cores)")
    # Stopped, it first ends its own programs.
    if run([sys.executable, "start.py", "test"], folder, grace=2 * GRACE_SECONDS):
        raise StepFailed("the tests failed, see above. Nothing was released.")
    options = os.environ.get("PYTEST_ADDOPTS")  # may leave tests out
    return tests_in_words(f"passed with PYTEST_ADDOPTS={options}" if options else "passed")


def skip_tests(_: Path) -> str:
    say("the tests are NOT run (--skip-tests), and the tag says so")
    return tests_in_words("not run, --skip-tests")


def parser() -> argparse.ArgumentParser:
    main_parser = argparse.ArgumentParser(
        prog="start.py",
        description="Create a machine-learning repo from this template, take a tour of what it does,\n"
        "run the template's own tests, build its documentation, or release it.",
        epilog="Examples:\n"
        "  python3 start.py new ../my-models                    a prototyping repo; trains the sample\n"
        "  python3 start.py new ../factory --template factory   a model factory\n"
        "  python3 start.py new ../my-models -d project_name=churn -d sample=false --defaults\n"
        "  python3 start.py tour                                a model's whole way, in ../ml-road-tour\n"
        "  python3 start.py test                                all tests (20 to 25 minutes on 2 cores)\n"
        "  python3 start.py test --fast                         only the fast tests\n"
        "  python3 start.py docs                                the documentation site, in site/\n"
        "  python3 start.py release minor --dry-run             what the next release would change\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = main_parser.add_subparsers(
        dest="command", required=True, metavar="{new,tour,test,docs,release}"
    )
    make = commands.add_parser("new", help="create a repo, install its tools and hooks, train the sample")
    make.add_argument("folder", help="where to create it: an empty folder, or one that does not exist")
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
        help="the answer to a question; repeatable",
    )
    make.add_argument("--defaults", action="store_true", help="ask nothing and take the defaults")
    make.set_defaults(call=new)
    show = commands.add_parser(
        "tour",
        help="create both repos, and take a model from a first run to a champion",
        description="Creates a prototyping repo and a factory in a folder, and takes the sample model the "
        "whole way: run, freeze, tag, promote, checks of the pull request, train, gate, register, approve, "
        "and an update of both repos to a next release. Each step is explained, run and checked, and a page "
        "shows what happened. It takes about 3 minutes. Only uv's cache is outside of the folder.",
        epilog="Exit codes: 0 done, 1 a step did not do what it says, 2 the folder is not empty, or "
        "something is missing.",
    )
    show.add_argument(
        "folder", nargs="?", default=str(TEMPLATE.parent / "ml-road-tour"),
        help="an empty folder, or one that does not exist (default: %(default)s)",
    )  # fmt: skip
    show.set_defaults(call=tour)
    prove = commands.add_parser("test", help="run the template's lint, type check and tests")
    prove.add_argument("--fast", action="store_true", help="only the fast tests")
    prove.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    prove.set_defaults(call=test)
    pages = commands.add_parser("docs", help="build the documentation site in site/")
    pages.add_argument("--releases", action="store_true", help="of every release, each in its own folder")
    pages.set_defaults(call=docs)
    publish = commands.add_parser("release", help="make a release of this template: commit and tag")
    publish.add_argument("version", help=f"such as 1.2.0, or the part to raise: {', '.join(PARTS)}")
    publish.add_argument("--dry-run", action="store_true", help="only show what would change")
    publish.add_argument("--no-tag", action="store_true", help="prepare it on a branch, for a pull request")
    publish.add_argument("--as-written", action="store_true", help="draft no lines of the changelog")
    publish.add_argument(
        "--resolution", type=day, metavar="DATE", help="newest packages to use (default: of 7 days ago)"
    )
    publish.add_argument("--skip-tests", action="store_true", help="do not run the tests; the tag says so")
    publish.set_defaults(call=release)
    return main_parser


def day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-11-15") from None


def key_value(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as project_name=churn-models")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0, 1 (a step failed), 2 (a mistake of the user), 128 and a signal's number."""
    options = parser().parse_args(arguments)
    try:
        with raising(Stopped):
            options.call(options)
    except (StepFailed, UserError) as error:
        sys.stderr.write(f"start.py: {error}\n")
        return 2 if isinstance(error, UserError) else 1
    except KeyboardInterrupt as stopped:
        sys.stderr.write("start.py: stopped.\n")
        return 128 + getattr(stopped, "number", signal.SIGINT)
    return 0
