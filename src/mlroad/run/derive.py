"""`mlroad dataset derive` and `repeat`: run a step on versions and create a version from its output."""

import contextlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlroad.core.digests import ContentDigest, changes, digest_content
from mlroad.core.files import scratch_folder
from mlroad.core.git import Git, how_to_fetch
from mlroad.core.problems import Position, UserError
from mlroad.data.create_version import CreatedVersion, VersionDraft, create_version
from mlroad.data.derivation import Derivation, other_outputs, output_type, packages_of, plan_derivation
from mlroad.data.split import repeat_split
from mlroad.data.store import find, find_verified
from mlroad.data.version import DatasetVersion, check_name
from mlroad.run.code_snapshot import take_snapshot
from mlroad.run.step_environment import own_environment, step_environment


@dataclass(frozen=True, slots=True)
class DeriveOptions:
    """The options of `derive_version`."""

    name: str
    step: Path
    parents: Sequence[str]
    settings: Sequence[str] = ()
    output: str = ""
    file: str = ""
    stage: str | None = None
    """None: the stage of the first parent."""
    description: str = ""


class StepFailedError(Exception):
    """The step failed or wrote nothing. Its own output was already printed."""


def derive_version(root: Path, options: DeriveOptions) -> CreatedVersion:
    """Run the step and create the version.

    Raises UserError for options that do not match the step and for parents that have changed, and
    StepFailedError if the step fails. Then nothing is created.
    """
    check_name(options.name)
    relative = _in_repo(root, options.step)
    first = find(root, options.parents[0].rpartition("=")[2])
    file = options.file or f"{options.name}{PurePosixPath(first.path).suffix or '.csv'}"
    derivation = plan_derivation(
        options.step,
        relative,
        parents=options.parents,
        settings=options.settings,
        output=options.output,
        file=file,
    )
    git = Git(root)
    with scratch_folder(root) as folder:
        code = _frozen(options.step, folder)
        derivation = replace(
            derivation,
            code=digest_content(code).digest,
            commit=git.commit(),
            dirty=git.is_repo and git.is_dirty(Path(relative.parent)),
            packages=packages_of(code),
        )
        made = _run(root, derivation, code, folder)
        draft = VersionDraft(
            name=options.name,
            source=made,
            type=output_type(options.step, derivation.output),
            stage=options.stage or first.stage,
            description=options.description,
            parents=tuple(dict.fromkeys(derivation.inputs.values())),
            derivation=derivation.as_tag(),
            move=True,
        )
        return create_version(root, draft)


@dataclass(frozen=True, slots=True)
class RepeatResult:
    """The result of running a derivation again."""

    version: DatasetVersion
    same: bool
    lines: tuple[str, ...]


def repeat_derivation(root: Path, reference: str) -> RepeatResult:
    """Run the derivation of a version again, and compare the digests.

    If the code has changed, the code of the recorded commit is used. Raises UserError if the derivation
    cannot be repeated, StepFailedError if the step fails.
    """
    version = find(root, reference)
    if "split" in (version.derivation or {}):
        return _repeat_split(root, version)
    derivation = Derivation.from_tag(version.derivation or {}, version.at("tags.derivation"))
    with scratch_folder(root) as folder:
        code, note = _code_of(root, derivation, version, folder)
        made = _run(root, derivation, code, folder)
        content = digest_content(made)
        if content.digest == version.digest:
            return RepeatResult(
                version, True, (*note, f"{version.id} repeated: same digest {content.digest}.")
            )
        again = digest_content(_run(root, derivation, code, folder))
        differing = _differing(root, version, content)
        reasons = _reasons(derivation, code, content, again)
        head = f"{version.id} has the digest {version.digest}, but repeating it gave {content.digest}."
        return RepeatResult(version, False, (*note, head, *differing, *reasons))


def _repeat_split(root: Path, version: DatasetVersion) -> RepeatResult:
    with scratch_folder(root) as folder:
        now = digest_content(repeat_split(root, version, folder)).digest
    if now == version.digest:
        return RepeatResult(version, True, (f"{version.id} repeated: same digest {now}.",))
    lines = (
        f"{version.id} has the digest {version.digest}, but repeating it gave {now}.",
        "Likely reason: another version of duckdb or pyarrow. `mlroad dataset diff` compares the rows.",
    )
    return RepeatResult(version, False, lines)


def _in_repo(root: Path, step: Path) -> PurePosixPath:
    if not step.is_file():
        raise UserError(
            f"{step} does not exist.", "Name the script of a step, such as models/m/steps/clean.py."
        )
    if not step.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"{step} is outside of this repo, so others could not repeat it.", "Move it into a model."
        )
    relative = PurePosixPath(step.resolve().relative_to(root.resolve()).as_posix())
    if len(relative.parts) == 1:
        raise UserError(f"{step} is in the root of the repo.", "Move it to a folder such as models/m/steps.")
    return relative


def _frozen(step: Path, folder: Path) -> Path:
    return take_snapshot(step.parent, (), Position(step), folder / "code").folder


def _run(root: Path, derivation: Derivation, code: Path, folder: Path) -> Path:
    """Run the step in a fresh copy of its code; returns its output."""
    used = {name: find_verified(root, reference) for name, reference in derivation.inputs.items()}
    work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    shutil.copytree(code, work, dirs_exist_ok=True)
    results = Path(tempfile.mkdtemp(prefix="out-", dir=folder)).absolute()
    result = results / derivation.output / (derivation.file or "data")
    (result.parent if derivation.file else result).mkdir(parents=True)
    script = work / derivation.step.name
    arguments: dict[str, object] = {name: item.path.absolute() for name, item in used.items()}
    arguments |= {**derivation.parameters, derivation.output: result}
    for other in other_outputs(script, derivation.output):
        arguments[other.name] = results / other.name
        (results / other.name).parent.mkdir(exist_ok=True)
    command = [sys.executable, script.name]
    for name, value in arguments.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    # With a fixed hash seed, Python iterates over sets of strings in the same order each time.
    variables = {**step_environment(own_environment(), {}, None, {}), "PYTHONHASHSEED": "0"}
    sys.stdout.flush()
    done = subprocess.run(command, cwd=work, env=variables, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise StepFailedError(
            f"The step {derivation.step} failed with exit code {done.returncode}. Nothing was created."
        )
    for reference in derivation.inputs.values():
        find_verified(root, reference)  # fails if the step changed its input
    if not result.exists() or (result.is_dir() and not any(result.iterdir())):
        raise StepFailedError(f"The step {derivation.step} wrote nothing to its output {derivation.output}.")
    return result


def _code_of(
    root: Path, derivation: Derivation, version: DatasetVersion, folder: Path
) -> tuple[Path, tuple[str, ...]]:
    """The original code: the current code if it is unchanged, or else that of the recorded commit."""
    step = root / derivation.step
    if step.is_file():
        code = _frozen(step, folder)
        if digest_content(code).digest == derivation.code:
            return code, ()
    at = version.at("tags.derivation")
    if derivation.commit and not derivation.dirty:
        past = folder / "past"
        past.mkdir()
        if (
            Git(root).extract(derivation.commit, str(derivation.step.parent), past)
            and (past / derivation.step).is_file()
        ):
            shutil.rmtree(folder / "code", ignore_errors=True)
            code = _frozen(past / derivation.step, folder)
            if digest_content(code).digest == derivation.code:
                return code, (
                    f"The code has changed, so the code of commit {derivation.commit[:12]} was used.",
                )
        why = f"git does not have the code at commit {derivation.commit[:12]}"
        fix = how_to_fetch(root)
    else:
        why = "it was run with uncommitted changes" if derivation.commit else "there was no commit"
        fix = "Derive a new version from committed code."
    raise UserError(
        f"{at}: {version.id} cannot be repeated: {derivation.step.parent} has changed, and {why}. {fix}"
    )


def _differing(root: Path, version: DatasetVersion, content: ContentDigest) -> Iterator[str]:
    """The files that differ, if the data of the version is here to compare with."""
    if version.type == "uri_file":
        return
    with contextlib.suppress(UserError):
        before = find_verified(root, version.id).content.by_path
        for name, kind in changes(before, content.by_path):
            yield f"  {name}: {kind}"


def _reasons(
    derivation: Derivation, code: Path, content: ContentDigest, again: ContentDigest
) -> Iterator[str]:
    if content.digest != again.digest:
        yield "Reason: the step is not deterministic. Two runs on the same data just gave different results."
        yield "What to do: seed random numbers, sort unordered data, and write no timestamps."
        return
    found = []
    if platform.python_version() != derivation.python:
        found.append(f"Python was {derivation.python} and is now {platform.python_version()}")
    found += _package_changes(derivation.packages or {}, packages_of(code))
    if found:
        yield f"Likely reason: {'; '.join(found)}. The step itself is deterministic here."
        yield "What to do: check out the recorded commit, run `uv sync`, and repeat it there."
    else:
        yield "Code, data, parameters, Python and packages are unchanged, and two runs here agree."
        yield "Likely reason: the step depends on something else, such as a file, the network or the time."


def _package_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} was {before.get(name, 'missing')} and is now {now.get(name, 'missing')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
