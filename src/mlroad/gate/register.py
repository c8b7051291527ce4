"""`mlroad register`: the only way into the registry.

It trusts no verdict file. It judges the gate's records again, by the rules as HEAD has them and today's date,
and compares the digests of the model, the holdout and the inference tests.
"""

import getpass
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.files import remove, unwritable, write_json
from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from mlroad.core.text import quoted
from mlroad.gate.checks import gate_again
from mlroad.gate.committed_rules import uncommitted_rules
from mlroad.gate.gates_file import RUNTIMES
from mlroad.gate.records import RecordsUnusable
from mlroad.gate.run_gate import judge_records
from mlroad.models.onnx_export import EXPORT
from mlroad.models.suite import verdict_file
from mlroad.registry.base import CANDIDATE, CHAMPION, Refused, Registry, Version
from mlroad.registry.local_registry import new_staged, registry_folder
from mlroad.registry.merged import not_merged
from mlroad.registry.registered_model import LINEAGE, check_models, own_lineage
from mlroad.registry.signed_facts import KEY, SIGNATURE, registration, sign
from mlroad.registry.version_lineage import VERDICT, lineage_id, make_lineage
from mlroad.run.candidate import Candidate, candidates, find_candidate
from mlroad.run.model_folder import ModelFolder, Stage

_REPORTS = ("report.html", "report.md")


def register(
    registry: Registry,
    model: ModelFolder,
    run: str,
    dev_run: str | None,
    by: str | None = None,
    *,
    merged: bool = False,
) -> tuple[Version, bool]:
    """Register a candidate, once. Returns the version, and whether it is new.

    With ``merged``, its commit and HEAD must be in the default branch of origin.

    Raises Refused with every reason, and UserError if there is no such run.
    """
    prod = find_candidate(model, run)
    dev = find_candidate(model, dev_run) if dev_run else None
    reasons, verdict = _judge(prod, "prod")
    dev_verdict: Mapping[str, Any] | None = None
    if dev:
        dev_reasons, dev_verdict = _judge(dev, "dev")
        reasons += dev_reasons
        if _commit(dev) != _commit(prod):
            reasons.append(f"{dev.run} is of commit {_commit(dev)}, {prod.run} of {_commit(prod)}.")
    if merged:
        commits = dict.fromkeys(filter(None, (_commit(prod), run_git(model.root, "rev-parse", "HEAD").text)))
        reasons += filter(None, (not_merged(model.root, commit) for commit in commits))
    if reasons:
        raise Refused(f"{model.name} {run} is not registered:", reasons)
    known = _registered(registry, prod)
    if known is None:
        stale = [*_stale(registry, prod, verdict), *(_stale(registry, dev, dev_verdict or {}) if dev else [])]
        if stale:
            raise Refused(f"{model.name} {run} is not registered:", stale)
    version = known
    if known is None or (os.environ.get(KEY) and not known.tags.get(SIGNATURE)):
        lineage = make_lineage(prod, verdict, dev, dev_verdict, by or who(model.root))
        version = known or _add(registry, prod, verdict, dev, dev_verdict, lineage)
        if (known is None or _is_same(registry, known, lineage)) and (its := sign(registration(version))):
            registry.set_tags(version, {SIGNATURE: its})
    assert version
    registry.set_alias(version, CANDIDATE, forward=True)
    return registry.version(model.name, version.number), known is None


def who(root: Path) -> str:
    """The caller: on GitHub the user who started the workflow, elsewhere git's user name."""
    if actor := os.environ.get("GITHUB_ACTOR"):
        return actor
    name = run_git(root, "config", "user.name").text
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _add(
    registry: Registry,
    prod: Candidate,
    verdict: Mapping[str, Any],
    dev: Candidate | None,
    dev_verdict: Mapping[str, Any] | None,
    lineage: Mapping[str, Any],
) -> Version:
    staged = new_staged(registry_folder(prod.model.root))
    try:
        _copy(prod, staged, str(lineage["model_digest"]), verdict)
        if dev:
            _copy(dev, staged / "dev", str(lineage["dev_model_digest"]), dev_verdict or {})
        write_json(staged / LINEAGE, lineage)
        for folder in (staged, staged / "dev") if dev else (staged,):
            shutil.copyfile(staged / LINEAGE, folder / "model" / LINEAGE)
        return registry.add(prod.model.name, lineage, staged)
    except OSError as error:
        raise unwritable(staged, error) from None
    finally:
        if staged.is_dir():
            remove(staged)


def _is_same(registry: Registry, known: Version, lineage: Mapping[str, Any]) -> bool:
    """Whether a registered version without a signature is what would be registered now.

    An attempt that was killed leaves such a version. One that someone pushed by hand must not be signed.
    """
    if _timeless(known.lineage) != _timeless(lineage):
        return False
    try:
        check_models(registry, known)
    except UserError:
        return False
    return True


def _timeless(lineage: Mapping[str, Any]) -> dict[str, Any]:
    """A lineage as JSON without when and by whom it was made."""
    found: dict[str, Any] = json.loads(json.dumps(dict(lineage)))
    for key in ("registered", "by"):
        found.pop(key, None)
    for verdict in (found.get("verdict"), found.get("dev_verdict")):
        if isinstance(verdict, dict):
            verdict.pop("made", None)
    return found


def _copy(candidate: Candidate, to: Path, digest: str, verdict: Mapping[str, Any]) -> None:
    """Copy a run's model, verdict and reports, and check that the copy of the model is what was judged."""
    to.mkdir(exist_ok=True)
    shutil.copytree(candidate.model_path, to / "model")
    if digest_of(to / "model") != digest:
        raise Refused(f"{candidate.run} is not registered:", ["Its model changed while it was copied."])
    if candidate.onnx_path and candidate.onnx_path.is_file():
        shutil.copyfile(candidate.onnx_path, to / "onnx")
    elif candidate.onnx_path:
        shutil.copytree(candidate.onnx_path, to / "onnx")
    write_json(to / VERDICT, verdict)
    if exported := verdict.get("export"):
        shutil.copytree(candidate.gate / EXPORT, to / EXPORT)
        if digest_of(to / EXPORT) != exported["digest"]:
            raise Refused(f"{candidate.run} is not registered:", ["Its export changed while it was copied."])
    tests = (verdict_file(candidate.folder, runtime) for runtime in RUNTIMES)
    for file in (*tests, *(candidate.gate / name for name in _REPORTS)):
        if file.is_file():
            shutil.copyfile(file, to / file.name)


def _registered(registry: Registry, prod: Candidate) -> Version | None:
    its = lineage_id(prod.run, prod.digest())
    versions = registry.versions(prod.model.name)
    return next((version for version in reversed(versions) if version.tags.get("lineage_id") == its), None)


def _judge(candidate: Candidate, stage: Stage) -> tuple[list[str], Mapping[str, Any]]:
    """Judge the records of a run again: every reason against it, and the verdict (empty if there is none)."""
    reasons = [*_wrong_run(candidate, stage), *_wrong_commit(candidate)]
    try:
        verdict = judge_records(candidate)
    except RecordsUnusable as error:
        return [*reasons, f"{candidate.run}: {error}. {gate_again(candidate)}"], {}
    except UserError as error:
        return [*reasons, str(error)], {}
    holdout = str(verdict["holdout"]["dataset"])
    reasons += [
        f"{file} differs from HEAD. Commit it, or restore it: `git checkout HEAD -- {quoted(file)}`."
        for file in uncommitted_rules(candidate.model.root, candidate.model.name, holdout)
    ]
    if not verdict["passed"]:
        reasons.append(f"The verdict on {candidate.run} is {verdict['verdict']}: {verdict['headline']}")
        red = (check for check in verdict["checks"] if check["result"] not in ("passed", "waived"))
        reasons += [f"{check['id']}: {check['what']}" for check in red]
    return reasons, verdict


def _wrong_run(candidate: Candidate, stage: Stage) -> Iterator[str]:
    if candidate.stage != stage:
        train = f"mlroad train {candidate.model.name} --data {stage}"
        yield f"{candidate.run} was trained on {candidate.stage} data, not {stage}. Train on it: `{train}`."
    if candidate.train.get("run") != candidate.run or candidate.train.get("model") != candidate.model.name:
        its = f"{candidate.train.get('model')} {candidate.train.get('run')}"
        yield f"{candidate.folder / 'train.json'} is of another run: {its}."
    if not candidate.model_path.is_dir():
        yield f"{candidate.run} has no model: {candidate.model_path} is missing."
    elif wrong := own_lineage(candidate.model_path):
        yield wrong


def _wrong_commit(candidate: Candidate) -> Iterator[str]:
    commit, root = _commit(candidate), candidate.model.root
    if not commit:
        yield f"{candidate.run} has no commit: it was not made in a git repo."
        return
    if (candidate.record.get("git") or {}).get("dirty") is not False:
        yield f"{candidate.run} was made from files that are not committed. Commit them and train again."
    if not run_git(root, "merge-base", "--is-ancestor", commit, "HEAD").ok:
        yield f"{candidate.run} is of commit {commit[:12]}, which is not in the history of HEAD."


def _stale(registry: Registry, candidate: Candidate, verdict: Mapping[str, Any]) -> Iterator[str]:
    """The champion must still be the one that the candidate was compared with."""
    champion = registry.by_alias(candidate.model.name, CHAMPION)
    judged = verdict.get("champion") or {}
    now, then = str(champion.number) if champion else None, judged.get("version")
    if now != then:
        told = f"compared with version {then}" if then else "judged without a champion"
        yield f"{candidate.run} was {told}, but the champion is now {now or 'none'}. {gate_again(candidate)}"
    elif champion:
        key = "model_digest" if candidate.stage == "prod" else "dev_model_digest"
        if champion.lineage.get(key) != judged.get("digest"):
            yield f"The model of {champion.name} is not the one that was compared. {gate_again(candidate)}"


def newest_pair(model: ModelFolder) -> tuple[str, str | None]:
    """The newest run on prod data, and its dev twin: the newest run of its commit on dev data that passed.

    Raises UserError if there is none on prod data.
    """
    finished = [found for found in candidates(model) if found.record.get("state") == "completed"]
    prod = next((found for found in finished if found.stage == "prod"), None)
    if prod is None:
        raise UserError(
            f"There is no finished run of {model.name} on prod data here.",
            f"Create one with `mlroad train {model.name} --data prod`.",
        )
    twins = (found for found in finished if found.stage == "dev" and _commit(found) == _commit(prod))
    return prod.run, next((found.run for found in twins if not _judge(found, "dev")[0]), None)


def _commit(candidate: Candidate) -> str | None:
    return (candidate.record.get("git") or {}).get("commit")
