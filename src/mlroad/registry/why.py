"""Reports from the registry: `mlroad why`, `mlroad who-used` and `mlroad list`."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlroad.core.text import one_line, size, table
from mlroad.core.verdict_words import verdict_word
from mlroad.registry.base import Registry, Version
from mlroad.registry.github_approval import ENVIRONMENT
from mlroad.registry.history import history
from mlroad.registry.signed_facts import has_signers, unverified
from mlroad.registry.version_lineage import uses
from mlroad.registry.version_proof import Proof

_WIDTH = 12


def why_json(version: Version, proof: Proof) -> dict[str, Any]:
    """Everything about a version, for programs."""
    noted = enumerate(history(version))
    notes = [{**note, "confirmed": proof.refuted.get(place) == ""} for place, note in noted]
    return {
        "model": version.model,
        "version": version.number,
        "aliases": list(version.aliases),
        "created": version.created.isoformat(timespec="seconds"),
        "tags": dict(version.tags),
        "lineage": dict(version.lineage) | {"approved": _last(notes)},
        "history": notes,
        "verified": not proof.unverified,
        "unverified": proof.unverified,
    }


def why(version: Version, proof: Proof) -> str:
    """Everything about a version, for people."""
    of = version.lineage
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    verdict = of.get("verdict") or {}
    lines = [f"{version.name}{aliases}: {verdict.get('headline')}"]
    for title, part in (
        ("made from", [*_origin(of), _row("written by", _writer(proof))]),
        ("data", _data(of)),
        ("verdict", _verdict(verdict)),
        ("dev twin", _dev_twin(of)),
        ("waivers", _waivers(of)),
        ("champion", _history(version, proof)),
    ):
        if rows := list(part):
            lines += ["", title, *(f"  {row}" for row in rows)]
    # Names and values come from whoever trained: none of them may look like a line of this text.
    return "\n".join(map(one_line, lines))


def who_used(registry: Registry, dataset: str) -> list[dict[str, Any]]:
    """All versions that used a dataset version, or data made from it, for training or judging."""
    found = []
    for model in registry.models():
        for version in registry.versions(model):
            parts = [
                {"part": part, "way": way, "digest": digest}
                for name, part, way, digest in uses(version.lineage)
                if name == dataset
            ]
            if parts:
                about = {"model": version.model, "version": version.number, "aliases": list(version.aliases)}
                found.append({**about, "prototype": prototype_of(version.lineage) or None, "uses": parts})
    return found


def who_used_text(dataset: str, found: Sequence[Mapping[str, Any]]) -> str:
    """The same for people."""
    if not found:
        return f"No registered version used {dataset}, or data made from it."
    lines = []
    for its in found:
        aliases = f" ({', '.join(its['aliases'])})" if its["aliases"] else ""
        origin = f", promoted from {its['prototype']}" if its["prototype"] else ""
        lines.append(f"{its['model']}:{its['version']}{aliases}{origin}")
        for use in its["uses"]:
            by = "" if len(use["way"]) == 1 else f", by way of {' made from '.join(use['way'])}"
            lines.append(f"  {use['part']}{by}")
    return "\n".join(map(one_line, lines))


def list_json(root: Path, registry: Registry, model: str | None) -> list[dict[str, Any]]:
    """The versions of one model or of all, by number. ``verified`` is null in a repo without signatures."""
    versions = [
        version for name in ([model] if model else registry.models()) for version in registry.versions(name)
    ]
    verified: list[bool | None] = [None] * len(versions)
    if has_signers(root):
        with ThreadPoolExecutor() as pool:  # each is a process of ssh-keygen
            found = pool.map(lambda its: unverified(root, its, versions), versions)
            verified = [not why_not for why_not in found]
    return [
        {
            "model": version.model,
            "version": version.number,
            "aliases": list(version.aliases),
            "verdict": version.tags.get("verdict"),
            "commit": version.tags.get("commit"),
            "run": version.tags.get("run"),
            "deployed": version.tags.get("deployed"),
            "created": version.created.isoformat(timespec="seconds"),
            "verified": proved,
        }
        for version, proved in zip(versions, verified, strict=True)
    ]


def list_text(found: Sequence[Mapping[str, Any]]) -> str:
    """The same as a table for people."""
    head = ("version", "aliases", "verdict", "commit", "deployed", "registered", "")
    rows = [
        (
            f"{its['model']}:{its['version']}",
            ", ".join(its["aliases"]) or "-",
            its["verdict"] or "-",
            (its["commit"] or "-")[:7],
            its["deployed"] or "-",
            its["created"][:16].replace("T", " "),
            {True: "", False: "UNVERIFIED", None: ""}[its["verified"]],
        )
        for its in found
    ]
    return table([head, *(tuple(map(one_line, row)) for row in rows)])


def _last(notes: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return notes[-1] if notes else None


def _row(name: str, value: object) -> str:
    return f"{name:<{_WIDTH}} {value}"


def _origin(of: Mapping[str, Any]) -> Iterator[str]:
    yield _row("commit", of.get("commit"))
    if origin := prototype_of(of):
        yield _row("prototype", origin)
    job = of.get("job") or {}
    where = f", Azure ML job {job.get('name')} {job.get('url') or ''}".rstrip() if job else ""
    yield _row("run", f"{of.get('run')} on {of.get('target')}{where}")
    yield _row("pipeline", of.get("pipeline"))
    parameters = of.get("parameters") or {}
    own = {  # step parameters, without those that only repeat a pipeline parameter
        name: value
        for name, value in (of.get("step_parameters") or {}).items()
        if str(parameters.get(name.rpartition(".")[2])) != str(value)
    }
    if parameters or own:
        yield _row(
            "parameters", ", ".join(f"{name}={value}" for name, value in {**parameters, **own}.items())
        )
    yield _row("model", of.get("model_digest"))
    packages = of.get("packages") or {}
    if packages:
        pins = ", ".join(f"{name} {pin}" for name, pin in packages.items())
        yield _row("packages", f"Python {of.get('python')}, {pins}")
    yield _row("registered", f"{of.get('registered')} by {of.get('by')}")


def prototype_of(lineage: Mapping[str, Any]) -> str:
    """The prototype's repo, tag and commit that a version was promoted from; empty if it was not."""
    origin = lineage.get("provenance") or {}
    tag = "@".join(str(origin[key]) for key in ("repo", "tag") if origin.get(key))
    commit = f" (commit {str(origin['commit'])[:12]})" if origin.get("commit") else ""
    return f"{tag or 'see provenance.yml'}{commit}" if origin else ""


def _data(of: Mapping[str, Any]) -> Iterator[str]:
    for its in of.get("datasets") or []:
        yield f"{its['stage']} data, input {its['input']}"
        yield from _tree(its, "  ")
    if of.get("holdout"):
        rows = of["holdout"].get("rows")
        yield f"holdout{f', {rows} rows' if rows else ''}"
        yield from _tree(of["holdout"], "  ")
    if of.get("inference_tests"):
        yield "golden answers of the inference tests"
        yield from _tree(of["inference_tests"], "  ")


def _tree(its: Mapping[str, Any], space: str, made: str = "") -> Iterator[str]:
    yield f"{space}{made}{its['dataset']} {its.get('digest') or 'without digest'}"
    for parent in its.get("parents") or []:
        yield from _tree(parent, space + "  ", "made from ")


def _verdict(verdict: Mapping[str, Any]) -> Iterator[str]:
    champion = verdict.get("champion") or {}
    against = f"compared with version {champion['version']}" if champion else "no champion to compare with"
    yield _row(verdict_word(verdict.get("verdict"), champion), f"{against}, judged {verdict.get('made')}")
    for name, its in (verdict.get("metrics") or {}).items():
        star = "*" if name == verdict.get("decide_by") else ""
        yield _row(name + star, _figures(its, champion))
    for its in verdict.get("slices") or []:
        figures = f"{_figures(its, champion)}, {its['rows']} rows"
        yield _row("slice", f"{its['column']}={its['value']} {its['metric']}: {figures}")
    if latency := verdict.get("latency"):
        p95, budget = _number(latency.get("p95_ms")), latency.get("budget_ms")
        yield _row("latency", f"p95 {p95} ms{f', budget {_number(budget)} ms' if budget else ''}")
    if measured := verdict.get("size"):
        budget = measured.get("budget_bytes")
        yield _row("size", f"{size(measured['bytes'])}{f', budget {size(budget)}' if budget else ''}")
    for runtime, its in (verdict.get("inference") or {}).items():
        state = "passed" if its.get("passed") else "FAILED"
        yield _row("inference", f"{runtime} {state}: {its.get('cases')} cases, {its.get('failed')} failed")
    if onnx := verdict.get("onnx"):
        most, budget = _number(onnx.get("max_difference")), _number(onnx.get("budget"))
        yield _row("onnx", f"differs by up to {most}, limit {budget}")
    if "checks" in verdict:
        notable = len(verdict.get("notable") or [])
        passed = verdict["checks"] - notable
        yield _row("checks", f"{passed} of {verdict['checks']} passed" + (":" if notable else ""))
    for check in verdict.get("notable") or []:
        yield _row("", f"{check.get('id')} {check.get('result')}: {check.get('what')}")


def _figures(its: Mapping[str, Any], champion: object) -> str:
    text = f"{_number(its.get('candidate'))}{_interval(its.get('candidate_interval'))}"
    if its.get("champion") is not None:
        text += f", champion {_number(its['champion'])}"
        text += f", difference {_number(its.get('difference'))}{_interval(its.get('interval'))}"
    if its.get("limit") is not None:
        text += f", limit {_number(its['limit'])}"
    return text + (f": {verdict_word(its['verdict'], champion)}" if its.get("verdict") else "")


def _dev_twin(of: Mapping[str, Any]) -> Iterator[str]:
    if not of.get("dev_run"):
        yield "none: dev candidates cannot be compared with this version"
        return
    yield _row("run", of["dev_run"])
    yield _row("model", of.get("dev_model_digest"))
    yield from _verdict(of.get("dev_verdict") or {})


def _waivers(of: Mapping[str, Any]) -> Iterator[str]:
    for its in (of.get("verdict") or {}).get("waivers") or []:
        used = "" if its.get("used") else " (not needed)"
        yield f"{its.get('gate')}: {its.get('reason')} {its.get('owner')}, until {its.get('expires')}{used}"


def _writer(proof: Proof) -> str:
    return f"unverified. {proof.unverified}" if proof.unverified else "the workflow (its signature is valid)"


def _history(version: Version, proof: Proof) -> Iterator[str]:
    notes = history(version)
    for place, note in enumerate(notes):
        before = f", after version {note['previous']}" if note.get("previous") else ""
        because = f": {note['reason']}" if note.get("reason") else ""
        when, by, doubt = note.get("at"), note.get("by"), proof.refuted.get(place)
        if note.get("what") != "approve":
            yield f"rolled back to {when} by {by}{before}{because}"
        elif doubt == "":
            yield f"approved by {by} in environment {ENVIRONMENT}, run {note.get('run')} ({when}){before}"
        else:
            yield f"claimed by {by} ({when}){before}{f'. {doubt}' if doubt else ''}"
    if not notes:
        yield "never"
    if version.tags.get("deployed"):
        yield f"deployed: {version.tags['deployed']}"


def _number(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _interval(ends: object) -> str:
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2:
        return ""
    return f" [{_number(ends[0])}, {_number(ends[1])}]"
