"""`mlroad dataset derive` and `repeat`: run one step on versions, and make a version of what it writes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlroad.core.digests import ContentDigest, changes, digest_content
from mlroad.core.files import scratch_folder
from mlroad.core.git import Git
from mlroad.core.problems import Position, UserError
from mlroad.data.create_version import CreatedVersion, VersionDraft, create_version
from mlroad.data.derivation import Derivation, other_outputs, output_type, packages_of, plan_derivation
from mlroad.data.store import find, find_verified
from mlroad.data.version import DatasetVersion, check_name


@dataclass(frozen=True, slots=True)
class DeriveOptions:
    """What `derive` was asked for."""

    name: str
    step: Path
    parents: Sequence[str]
    settings: Sequence[str] = ()
    output: str = ""
    file: str = ""
    stage: str | None = None
    """None takes the stage of the first parent."""
    description: str = ""


class StepFailedError(Exception):
    """The step ended with another exit code than 0, or wrote nothing. Its own words are above."""


def derive_version(root: Path, order: DeriveOptions) -> CreatedVersion:
    """Run the step and make the version.

    Raises UserError for an order that does not fit the step, and for parents that are not as they were;
    StepFailedError for a step that fails. Nothing is made then.
    """
    check_name(order.name)
    relative = _in_repo(root, order.step)
    first = find(root, order.parents[0].rpartition("=")[2])
    file = order.file or f"{order.name}{PurePosixPath(first.path).suffix or '.csv'}"
    recipe = plan_derivation(
        order.step, relative, parents=order.parents, settings=order.settings, output=order.output, file=file
    )
    git = Git(root)
    with scratch_folder(root) as folder:
        code = _frozen(order.step, folder)
        recipe = replace(
            recipe,
            code=digest_content(code).digest,
            commit=git.commit(),
            dirty=git.is_repo and git.is_dirty(Path(relative.parent)),
            packages=packages_of(code),
        )
        made = _run(root, recipe, code, folder)
        draft = VersionDraft(
            name=order.name,
            source=made,
            type=output_type(order.step, recipe.output),
            stage=order.stage or first.stage,
            description=order.description,
            parents=tuple(dict.fromkeys(recipe.inputs.values())),
            derivation=recipe.as_tag(),
            move=True,
        )
        return create_version(root, draft)


@dataclass(frozen=True, slots=True)
class RepeatResult:
    """What came of running a derivation again."""

    version: DatasetVersion
    same: bool
    lines: tuple[str, ...]


def repeat_derivation(root: Path, reference: str) -> RepeatResult:
    """Run the derivation of a version again, and compare.

    If the code has changed since, the recorded commit's is taken. Raises UserError if it cannot be run again
    (it says why), StepFailedError if the step fails.
    """
    version = find(root, reference)
    if "split" in (version.derivation or {}):
        return _repeat_split(root, version)
    recipe = Derivation.from_tag(version.derivation or {}, version.at("tags.derivation"))
    with scratch_folder(root) as folder:
        code, note = _code_of(root, recipe, version, folder)
        made = _run(root, recipe, code, folder)
        content = digest_content(made)
        if content.digest == version.digest:
            return RepeatResult(
                version, True, (*note, f"{version.id} repeated: {content.digest}, as before.")
            )
        again = digest_content(_run(root, recipe, code, folder))
        differing = _differing(root, version, content)
        reasons = _reasons(recipe, code, content, again)
        head = f"{version.id} does not repeat: it has {version.digest}, and now came {content.digest}."
        return RepeatResult(version, False, (*note, head, *differing, *reasons))


def _repeat_split(root: Path, version: DatasetVersion) -> RepeatResult:
    from mlroad.data.split import repeat_split

    with scratch_folder(root) as folder:
        now = digest_content(repeat_split(root, version, folder)).digest
    if now == version.digest:
        return RepeatResult(version, True, (f"{version.id} repeated: {now}, as before.",))
    lines = (
        f"{version.id} does not repeat: it has {version.digest}, and now came {now}.",
        "Why: probably another duckdb, which writes the files; `mlroad dataset diff` compares rows.",
    )
    return RepeatResult(version, False, lines)


def _in_repo(root: Path, step: Path) -> PurePosixPath:
    if not step.is_file():
        raise UserError(
            f"{step} does not exist.", "Name the script of a step, such as models/m/steps/clean.py."
        )
    if not step.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"{step} lies outside of this repo, so nobody else could repeat it.", "Move it into a model."
        )
    relative = PurePosixPath(step.resolve().relative_to(root.resolve()).as_posix())
    if len(relative.parts) == 1:
        raise UserError(f"{step} lies at the top of the repo.", "Put it in a folder such as models/m/steps.")
    return relative


def _frozen(step: Path, folder: Path) -> Path:
    from mlroad.run.snapshot import freeze

    return freeze(step.parent, (), Position(step), folder / "code").folder


def _run(root: Path, recipe: Derivation, code: Path, folder: Path) -> Path:
    """Run the step in a fresh copy of its code; returns what it wrote."""
    from mlroad.run.step_environment import own_site, step_environment

    used = {name: find_verified(root, reference) for name, reference in recipe.inputs.items()}
    work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    shutil.copytree(code, work, dirs_exist_ok=True)
    results = Path(tempfile.mkdtemp(prefix="out-", dir=folder)).absolute()
    result = results / recipe.output / (recipe.file or "data")
    (result.parent if recipe.file else result).mkdir(parents=True)
    script = work / recipe.step.name
    arguments: dict[str, object] = {name: item.path.absolute() for name, item in used.items()}
    arguments |= {**recipe.parameters, recipe.output: result}
    for other in other_outputs(script, recipe.output):
        arguments[other.name] = results / other.name
        (results / other.name).parent.mkdir(exist_ok=True)
    command = [sys.executable, script.name]
    for name, value in arguments.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    # Sets of texts are walked in the same order each time, as far as Python is concerned.
    variables = {**step_environment(own_site(root.absolute()), {}, None, {}), "PYTHONHASHSEED": "0"}
    sys.stdout.flush()
    done = subprocess.run(command, cwd=work, env=variables, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise StepFailedError(
            f"The step {recipe.step} ended with exit code {done.returncode}: nothing was made."
        )
    for reference in recipe.inputs.values():
        find_verified(root, reference)  # a step that writes into its input would change a version
    if not result.exists() or (result.is_dir() and not any(result.iterdir())):
        raise StepFailedError(f"The step {recipe.step} wrote nothing to its output {recipe.output}.")
    return result


def _code_of(
    root: Path, recipe: Derivation, version: DatasetVersion, folder: Path
) -> tuple[Path, tuple[str, ...]]:
    """The code as it was: what is there if it is the same, or else that of the recorded commit."""
    step = root / recipe.step
    if step.is_file():
        code = _frozen(step, folder)
        if digest_content(code).digest == recipe.code:
            return code, ()
    at = version.at("tags.derivation")
    if recipe.commit and not recipe.dirty:
        past = folder / "past"
        past.mkdir()
        if Git(root).extract(recipe.commit, str(recipe.step.parent), past) and (past / recipe.step).is_file():
            shutil.rmtree(folder / "code", ignore_errors=True)
            code = _frozen(past / recipe.step, folder)
            if digest_content(code).digest == recipe.code:
                return code, (f"The code has changed since: taken from commit {recipe.commit[:12]}.",)
        why = f"git here has no such code at commit {recipe.commit[:12]}"
        fix = "Fetch all of the history: git fetch --unshallow."
    else:
        why = (
            "it was run from changes that were not committed" if recipe.commit else "there was no commit then"
        )
        fix = "Derive a new version from committed code."
    raise UserError(
        f"{at}: {version.id} cannot be repeated: {recipe.step.parent} has changed since, and {why}. {fix}"
    )


def _differing(root: Path, version: DatasetVersion, content: ContentDigest) -> Iterator[str]:
    """Which files came out otherwise, if the version's own are here to compare with."""
    if version.type == "uri_file":
        return
    with contextlib.suppress(UserError):
        before = find_verified(root, version.id).content.by_path
        for name, kind in changes(before, content.by_path):
            yield f"  {name}: {kind}"


def _reasons(recipe: Derivation, code: Path, content: ContentDigest, again: ContentDigest) -> Iterator[str]:
    if content.digest != again.digest:
        yield "Why: the step is not deterministic. Two runs just now, on the same data, differ as well."
        yield "What to do: seed its random numbers, sort what has no order, and write no times into the data."
        return
    import platform

    found = []
    if platform.python_version() != recipe.python:
        found.append(f"Python was {recipe.python} and is {platform.python_version()}")
    found += _package_changes(recipe.packages or {}, packages_of(code))
    if found:
        yield f"Why: probably {'; '.join(found)}. The step itself is deterministic here."
        yield "What to do: `git checkout` the commit of then, `uv sync`, and repeat it there."
    else:
        yield "Why: code, data, parameters, Python and packages are as they were, and two runs here agree."
        yield "So the step reads something else: another file, the network, the machine or the date."


def _package_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} was {before.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
