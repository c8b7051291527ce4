"""The body of the pull request that brings a new version: what a reviewer needs to say yes or no.

Names of columns and descriptions come from data, so they are shown as they are, and never as Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mlroad.azure.delivery import DeliveryResult, pipelines_using
from mlroad.core.text import count, size
from mlroad.data.diff_findings import findings, headline
from mlroad.data.store import local_path
from mlroad.data.version import DatasetVersion

_FINDINGS = 30
_MARKS = {2: "🔴", 1: "🟡", 0: "▫️"}


def title(version: DatasetVersion) -> str:
    """A conventional commit's first line, for the commit and the pull request."""
    return f"data: add {version.id} ({version.stage})"


def pr_body(root: Path, delivered: DeliveryResult) -> str:
    """Markdown for GitHub."""
    return "\n".join(_lines(root, delivered)) + "\n"


def _lines(root: Path, delivered: DeliveryResult) -> Iterator[str]:
    assert delivered.made
    version = delivered.made.version
    previous = delivered.previous.version if delivered.previous else None
    yield f"## {version.id}"
    yield ""
    yield _plain(version.description or "A new version of the dataset, delivered by a job.")
    yield ""
    yield from _facts(previous, version)
    yield ""
    yield "### Checked"
    yield ""
    yield from _checked(delivered)
    if delivered.checked and delivered.checked.diff:
        yield ""
        yield f"### Compared with {delivered.checked.diff.before.label}"
        yield ""
        yield from _compared(delivered)
    yield ""
    yield "### Where it is"
    yield ""
    yield from _place(root, delivered, version)
    yield ""
    yield "### To use it"
    yield ""
    yield from _use(root, previous, version)


def _facts(previous: DatasetVersion | None, version: DatasetVersion) -> Iterator[str]:
    both = [previous, version] if previous else [version]
    yield "| |" + "".join(f" {each.id} |" for each in both)
    yield "|---|" + "---|" * len(both)
    yield "| stage |" + "".join(f" {each.stage} |" for each in both)
    yield "| rows |" + "".join(f" {f'{each.rows:,}' if each.rows is not None else '–'} |" for each in both)
    yield "| size |" + "".join(f" {size(each.size) if each.size is not None else '–'} |" for each in both)
    yield "| digest |" + "".join(f" `{each.digest}` |" for each in both)


def _checked(delivered: DeliveryResult) -> Iterator[str]:
    checked = delivered.checked
    if checked is None:
        yield "- The content is that of a version that was there already."
        return
    if checked.schema:
        yield f"- Every row is as {_code(checked.schema.as_posix())} says."
    elif checked.rows is None:
        yield "- The data is no table, so no schema was checked."
    else:
        yield "- There is no schema: the columns and their types are those of the version before, if any."
    if delivered.previous:
        yield f"- The amount of data is in the allowed range of {delivered.previous.version.id}."


def _compared(delivered: DeliveryResult) -> Iterator[str]:
    diff = delivered.checked.diff if delivered.checked else None
    assert diff
    sentence = _plain(headline(diff))
    yield sentence[:1].upper() + sentence[1:]
    found = findings(diff)
    if not found:
        return
    yield ""
    for finding in found[:_FINDINGS]:
        column = f"{_code(finding.column)}: " if finding.column else ""
        yield f"- {_MARKS[finding.level]} {column}{_plain(finding.text)}"
    if len(found) > _FINDINGS:
        yield f"- … and {count(len(found) - _FINDINGS, 'remark')} more."
    yield ""
    old, new = diff.before.label, delivered.made.version.id if delivered.made else ""
    yield f"The whole comparison, with plots: `uv run mlroad dataset diff {old} {new} --html report.html`"


def _place(root: Path, delivered: DeliveryResult, version: DatasetVersion) -> Iterator[str]:
    if delivered.registered:
        yield f"- Azure ML: [{version.id}]({delivered.registered.url})"
    else:
        yield "- Azure ML: not registered."
    path = local_path(root, version)
    if version.is_remote:
        yield f"- The data: {_code(version.path)}; `uv run mlroad dataset fetch {version.id}` brings it."
    elif path.is_relative_to(root / "datasets"):
        yield f"- The data: {_code(path.relative_to(root).as_posix())}, in this pull request."
    else:
        yield f"- The data is too large for git; `uv run mlroad dataset fetch {version.id}` brings it."


def _use(root: Path, previous: DatasetVersion | None, version: DatasetVersion) -> Iterator[str]:
    users = pipelines_using(root, previous) if previous else []
    yield f"Nothing uses it yet: write `azureml:{version.id}` into a pipeline."
    if previous and users:
        yield f"These use `azureml:{previous.id}`:"
        yield ""
        yield from (f"- {_code(user)}" for user in users)


def _plain(text: str) -> str:
    """A text as a reader shall see it: no mark-up, no mention of people, one line."""
    text = " ".join(text.split())
    text = re.sub(r"([\\`*_{}\[\]<>|#~&!])", r"\\\1", text)
    # An invisible space keeps an address of a person (@name) from being a mention.
    return text.replace("@", "@\u200b")


def _code(text: str) -> str:
    """A name in backticks, also if it has some itself."""
    text = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"
