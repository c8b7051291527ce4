"""`mlroad register`: the one way into the registry, and who may not take it."""

from __future__ import annotations

import getpass
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlroad.core.digests import digest_of
from mlroad.core.files import remove, write_json
from mlroad.core.git import file_at, run_git
from mlroad.core.problems import UserError
from mlroad.gate.consistency import contradictions
from mlroad.gate.gates_file import FILE as GATES
from mlroad.gate.gates_file import load_gates
from mlroad.gate.judged_by import differences, rules_at
from mlroad.gate.waivers import FILE as WAIVERS
from mlroad.gate.waivers import load_waivers
from mlroad.registry.base import CANDIDATE, CHAMPION, Refused, Registry, Version
from mlroad.registry.local_registry import new_staged, registry_folder
from mlroad.registry.merged import not_merged
from mlroad.registry.registered_model import LINEAGE, own_lineage
from mlroad.registry.version_lineage import VERDICT, lineage_id, make_lineage
from mlroad.run.candidate import Candidate, find_candidate
from mlroad.run.model_folder import ModelFolder, Stage

_ALSO = ("inference.json", "report.html", "report.md")


def register(
    registry: Registry,
    model: ModelFolder,
    run: str,
    dev_run: str | None,
    by: str | None = None,
    *,
    merged: bool = False,
) -> tuple[Version, bool]:
    """Register a candidate, once; the version, and whether it is new.

    With ``merged`` its commit must be in the default branch of origin.

    Raises Refused with every reason, and UserError for a run that is none.
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
    commit = _commit(prod)
    if merged and commit and (reason := not_merged(model.root, commit)):
        reasons.append(reason)
    if reasons:
        raise Refused(f"{model.name} {run} is not registered:", reasons)
    known = _registered(registry, prod)
    if known is None:
        stale = [*_stale(registry, prod, verdict), *(_stale(registry, dev, dev_verdict or {}) if dev else [])]
        if stale:
            raise Refused(f"{model.name} {run} is not registered:", stale)
    version = known or _add(registry, prod, verdict, dev, dev_verdict, by or who(model.root))
    registry.set_alias(version, CANDIDATE, forward=True)
    return registry.version(model.name, version.number), known is None


def who(root: Path) -> str:
    """Who calls: on GitHub the one that started the workflow, else git's user name."""
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
    by: str,
) -> Version:
    lineage = make_lineage(prod, verdict, dev, dev_verdict, by)
    staged = new_staged(registry_folder(prod.model.root))
    try:
        _copy(prod, staged, str(lineage["model_digest"]))
        if dev:
            _copy(dev, staged / "dev", str(lineage["dev_model_digest"]))
        write_json(staged / LINEAGE, lineage)
        for folder in (staged, staged / "dev") if dev else (staged,):
            shutil.copyfile(staged / LINEAGE, folder / "model" / LINEAGE)
        return registry.add(prod.model.name, lineage, staged)
    finally:
        if staged.is_dir():
            remove(staged)


def _copy(candidate: Candidate, to: Path, digest: str) -> None:
    """The model of a run with the proofs, and the check that the copy is what was judged."""
    to.mkdir(exist_ok=True)
    shutil.copytree(candidate.model_path, to / "model")
    if digest_of(to / "model") != digest:
        raise Refused(f"{candidate.run} is not registered:", ["Its model has changed while it was copied."])
    if candidate.onnx_path and candidate.onnx_path.is_file():
        shutil.copyfile(candidate.onnx_path, to / "onnx")
    elif candidate.onnx_path:
        shutil.copytree(candidate.onnx_path, to / "onnx")
    for name in (VERDICT, *_ALSO):
        if (candidate.gate / name).is_file():
            shutil.copyfile(candidate.gate / name, to / name)


def _registered(registry: Registry, prod: Candidate) -> Version | None:
    its = lineage_id(prod.run, prod.digest())
    versions = registry.versions(prod.model.name)
    return next((version for version in reversed(versions) if version.tags.get("lineage_id") == its), None)


def _judge(candidate: Candidate, stage: Stage) -> tuple[list[str], Mapping[str, Any]]:
    """Every reason against a run, and its verdict (empty if there is none)."""
    reasons = [*_wrong_run(candidate, stage), *_wrong_commit(candidate)]
    command = f"mlroad gate {candidate.model.name} --run {candidate.run}"
    file = candidate.folder / "gate" / VERDICT
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [*reasons, f"{candidate.run} has no verdict. Get one: `{command}`."], {}
    except (OSError, ValueError) as error:
        return [*reasons, f"{file} cannot be read: {error}. Gate it anew: `{command}`."], {}
    if not isinstance(verdict, dict) or verdict.get("schema") != 1:
        return [*reasons, f"{file} is no verdict that this factory knows. Gate it anew: `{command}`."], {}
    reasons += _wrong_verdict(candidate, stage, verdict, command)
    rules = list(_wrong_rules(candidate, verdict, command))
    if not reasons and not rules:
        reasons = list(_contradictions(candidate, verdict))
    return reasons + rules, verdict


def _wrong_run(candidate: Candidate, stage: Stage) -> Iterator[str]:
    if candidate.stage != stage:
        train = f"mlroad train {candidate.model.name} --data {stage}"
        yield f"{candidate.run} was trained on {candidate.stage} data, not {stage}. Train it: `{train}`."
    if candidate.train.get("run") != candidate.run or candidate.train.get("model") != candidate.model.name:
        its = f"{candidate.train.get('model')} {candidate.train.get('run')}"
        yield f"{candidate.folder / 'train.json'} is of another run: {its}."
    if not candidate.model_path.is_dir():
        yield f"{candidate.run} made no model: {candidate.model_path} is missing."
    elif wrong := own_lineage(candidate.model_path):
        yield wrong


def _wrong_commit(candidate: Candidate) -> Iterator[str]:
    commit, root = _commit(candidate), candidate.model.root
    if not commit:
        yield f"{candidate.run} is of no commit: it was not made in a git repo."
        return
    if (candidate.record.get("git") or {}).get("dirty") is not False:
        yield f"{candidate.run} was made from files that are not committed. Commit, train and gate anew."
    if not run_git(root, "merge-base", "--is-ancestor", commit, "HEAD").ok:
        yield f"{candidate.run} is of commit {commit[:12]}, which is not in the history of HEAD."


def _wrong_verdict(
    candidate: Candidate, stage: Stage, verdict: Mapping[str, Any], command: str
) -> Iterator[str]:
    for key, mine in (("model", candidate.model.name), ("run", candidate.run), ("stage", stage)):
        if verdict.get(key) != mine:
            yield f"The verdict of {candidate.run} is of another {key}: {verdict.get(key)}, not {mine}."
    judged = verdict.get("candidate") or {}
    if candidate.model_path.is_dir() and judged.get("digest") != candidate.digest():
        yield f"The model of {candidate.run} is not the one that was judged. Gate it anew: `{command}`."
    if judged.get("commit") != _commit(candidate):
        its = f"commit {judged.get('commit')}, the run of {_commit(candidate)}"
        yield f"The verdict of {candidate.run} is of {its}."
    bad = [its for its in verdict.get("checks") or [] if its.get("result") not in ("passed", "waived")]
    red = verdict.get("passed") is not True or verdict.get("verdict") not in ("better", "equal", "worse")
    if red or bad or not verdict.get("checks"):
        yield f"The verdict of {candidate.run} is {verdict.get('verdict')}: {verdict.get('headline')}"
        yield from (f"{its.get('id')}: {its.get('what')}" for its in bad)


def _wrong_rules(candidate: Candidate, verdict: Mapping[str, Any], command: str) -> Iterator[str]:
    """A verdict by other rules than those of the candidate's commit, which people have reviewed."""
    commit, model = _commit(candidate), candidate.model
    if not commit:
        return
    if not isinstance(verdict.get("rules"), dict):
        yield f"The verdict of {candidate.run} does not say by which rules. Gate it anew: `{command}`."
        return
    yield from differences(verdict["rules"], rules_at(model.root, commit, model.name), commit)


def _contradictions(candidate: Candidate, verdict: Mapping[str, Any]) -> Iterator[str]:
    """A verdict that the committed rules cannot have led to."""
    root, commit, folder = candidate.model.root, str(_commit(candidate)), candidate.model.path
    read: dict[str, str | None] = {}
    for name in (GATES, WAIVERS):
        content = file_at(root, commit, f"models/{candidate.model.name}/{name}")
        read[name] = None if content is None else content.decode("utf-8-sig", errors="replace")
    try:
        gates = load_gates(folder / GATES, read[GATES] or "")
        waivers = load_waivers(folder / WAIVERS, read[WAIVERS]) if read[WAIVERS] is not None else []
    except UserError as error:
        yield f"The rules of commit {commit[:7]} cannot be read: {error}"
        return
    yield from contradictions(gates, {waiver.gate for waiver in waivers}, verdict)


def _stale(registry: Registry, candidate: Candidate, verdict: Mapping[str, Any]) -> Iterator[str]:
    """A verdict against a champion that is none any more."""
    champion = registry.by_alias(candidate.model.name, CHAMPION)
    now = str(champion.number) if champion else None
    judged = (verdict.get("champion") or {}).get("version")
    then = str(judged) if judged is not None else None
    if now != then:
        gate = f"mlroad gate {candidate.model.name} --run {candidate.run}"
        told = f"against version {then}" if then else "without a champion"
        yield f"{candidate.run} was judged {told}; now it is {now or 'none'}. Gate it anew: `{gate}`."


def _commit(candidate: Candidate) -> str | None:
    return (candidate.record.get("git") or {}).get("commit")
