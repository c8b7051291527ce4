"""`mlroad doctor`: what differs from the template's standards, and what is missing on this machine."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click

from mlroad.cli.output_options import json_option
from mlroad.core.git import run_git
from mlroad.core.git_addresses import without_login
from mlroad.core.problems import UserError
from mlroad.core.repo import has_dotnet_harness, root_here
from mlroad.core.standards import Age, Difference, age, checked_origin, delivered
from mlroad.core.template import Origin
from mlroad.core.text import count, quoted
from mlroad.core.uv_program import find_uv
from mlroad.core.wheel import is_intact, wheel_named
from mlroad.github.settings_health import settings_health

_OPTIONAL = {
    "gh": "`mlroad promote --pr` and `mlroad why` ask GitHub with it. Install it from https://cli.github.com",
}
"""Programs that only some commands need, and what for."""
_HARNESS = {
    "dotnet": "`mlroad test --runtime dotnet` needs the .NET SDK. Install it from https://dot.net",
}


@click.command()
@click.option("--diff", "shown", metavar="FILE", help="Print how a standard file was changed here, and stop.")
@click.option(
    "--restore",
    "restored",
    metavar="FILE",
    multiple=True,
    help="Write a file as it was delivered. Repeatable.",
)
@json_option
def doctor(shown: str | None, restored: tuple[str, ...], as_json: bool) -> None:
    """Say how this repo differs from its template, and what is missing here.

    The version of the template, and how many releases are newer; each standard file that was changed, deleted
    or renamed here; the wheel of mlroad, the hooks and the programs of this machine; and, if you are signed
    in, the settings on GitHub that differ from the repo's files (`mlroad github`). A changed file is not a
    mistake, but updates never change it back; nor is an older version. The template is rendered again for the
    comparison.

    \b
    mlroad doctor
    mlroad doctor --diff ruff.toml
    mlroad doctor --restore .github/workflows/ci.yml

    Exit codes: 0 healthy, 1 "To do" or "GitHub" lists something, 2 the template cannot be reached, or a wrong
    argument.
    """
    repo = root_here()
    now = checked_origin(repo)
    if shown or restored:
        with delivered(repo) as standards:
            if shown:
                click.echo(standards.diff(Path(shown).as_posix()), nl=False)
            names = [Path(name).as_posix() for name in restored]
            standards.restore(names)
        for name in names:
            click.echo(f"{name}: Restored as in version {now.version}. See it: git status; git diff")
        return
    on_github, not_compared = settings_health(repo)
    found = _Health(
        replace(now, address=now.shown, source=without_login(now.source)),
        problems=list(_problems(repo)),
        on_github=on_github,
        optional=[*_missing_programs(repo), *not_compared],
    )
    try:
        found.age = age(now)
        with delivered(repo) as standards:
            found.standard_files, found.differences = len(standards.files), standards.differences()
    except UserError as error:  # what this machine lacks is still worth knowing
        found.not_rendered = str(error)
    click.echo(json.dumps(asdict(found), indent=2) if as_json else "\n".join(_lines(found)))
    sys.exit(2 if found.not_rendered else 1 if found.problems or found.on_github else 0)


@dataclass(slots=True)
class _Health:
    template: Origin
    problems: list[str]
    on_github: list[str]
    """The settings on GitHub that differ from the repo's files."""
    optional: list[str]
    """Programs that are missing here, and settings that could not be compared."""
    age: Age | None = None
    standard_files: int = 0
    differences: list[Difference] = field(default_factory=list)
    not_rendered: str = ""
    """Why the template could not be compared."""

    @property
    def is_behind(self) -> bool:
        return self.age is not None and self.age.behind != 0


def _lines(health: _Health) -> Iterator[str]:
    yield f"Template   {health.template.version} of {health.template.address}"
    if health.age:
        yield f"           {_age_in_words(health.age)}"
    same = health.standard_files - len(health.differences)
    compared = f"{count(health.standard_files, 'file')}, {same} as delivered"
    yield f"Standards  {health.not_rendered or compared}"
    width = max((len(difference.file) for difference in health.differences), default=0)
    for found in health.differences:
        how = f"renamed to {found.now}" if found.now else found.state
        lines = f"  +{found.added} -{found.removed}" if found.added or found.removed else ""
        yield f"  {found.file:<{width}}  {how}{'' if found.state == 'deleted' else lines}"
    if health.differences:
        name = quoted(health.differences[0].file)
        yield f"           See the edits: `mlroad doctor --diff {name}`. Take them back: `--restore {name}`."
    found_here = {"To do": health.problems, "GitHub": health.on_github, "Optional": health.optional}
    for label, listed in found_here.items():
        for place, what in enumerate(listed):
            yield f"{'' if place else label:<9}  {what}"
        if listed and label == "GitHub":
            yield f"{'':<9}  An admin makes them as the files say: `mlroad github`."
    if not (health.problems or health.on_github or health.not_rendered or health.is_behind):
        yield "There is nothing to do."


def _age_in_words(newest: Age) -> str:
    if newest.behind == 0:
        return "It is the newest version."
    if newest.behind is None:
        return f"The template has newer commits ({newest.newest}), but no releases. Update: `mlroad update`."
    return f"{newest.newest} is {count(newest.behind, 'release')} newer. Update: `mlroad update`."


def _problems(repo: Path) -> Iterator[str]:
    """What keeps the repo from working here, each with its remedy."""
    try:
        find_uv()
    except UserError as error:
        yield str(error)
    wheel = wheel_named(repo)
    if wheel and not (repo / wheel).is_file():
        yield f"{wheel.as_posix()} is missing. Build it: `mlroad setup`."
    elif wheel and not is_intact(repo, wheel):
        yield f"{wheel.as_posix()} was changed. Restore it: `git checkout -- vendor`."
    asked, here = _python(repo), f"{sys.version_info.major}.{sys.version_info.minor}"
    if asked and asked != here:
        yield f".python-version says {asked}, and the environment has {here}. Make it again: `mlroad setup`."
    hook = repo / run_git(repo, "rev-parse", "--git-path", "hooks/pre-commit", check=True).text
    if not hook.is_file():
        yield "The hooks are not installed, so nothing checks a commit. Install them: `mlroad setup`."
    marked = run_git(repo, "grep", "--name-only", "-z", "-E", "^(<{7}|>{7})( |$)")
    for name in marked.names:
        yield f"{name} has conflict markers. Choose between them."


def _python(repo: Path) -> str:
    file = repo / ".python-version"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def _missing_programs(repo: Path) -> Iterator[str]:
    wanted = {**_OPTIONAL, **(_HARNESS if has_dotnet_harness(repo) else {})}
    for name, why in wanted.items():
        if not shutil.which(name):
            yield f"{name} is not installed. {why}"
