"""The text of a pull request with a new version, for its reviewer.

Column names and descriptions come from data, so they are escaped and never rendered as Markdown.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mlroad.azure.delivery import DeliveryResult, pipelines_using
from mlroad.core.text import size
from mlroad.data.diff_findings import findings, headline
from mlroad.data.store import local_path
from mlroad.data.version import DatasetVersion

_FINDINGS = 30
_MARKS = {2: "🔴", 1: "🟡", 0: "▫️"}


def title(version: DatasetVersion) -> str:
    """The title of the pull request and its commit, as a conventional commit."""
    return f"data: add {version.id} ({version.stage})"


def pr_body(root: Path, delivered: DeliveryResult) -> str:
    """Markdown for GitHub."""
    return "\n".join(_lines(root, delivered)) + "\n"


def _lines(root: Path, delivered: DeliveryResult) -> Iterator[str]:
    assert delivered.created
    version = delivered.created.version
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
    yield "### How to use it"
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
        yield "- A version with this content already existed."
        return
    if checked.schema:
        yield f"- Every row matches {_code(checked.schema.as_posix())}."
    elif checked.rows is None:
        yield "- The data is not a table, so no schema was checked."
    else:
        yield "- There is no schema: columns and types match those of the previous version, if there is one."
    if delivered.previous and not checked.exceeded:
        yield f"- Numbers and values are within the limits, compared with {delivered.previous.version.id}."
    for found in checked.exceeded:
        yield f"- ⚠️ Accepted by the person who delivered it ({found.kind}): {_plain(found.problem.what)}"


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
        yield f"- … and {len(found) - _FINDINGS:,} more."
    yield ""
    old, new = diff.before.label, delivered.created.version.id if delivered.created else ""
    yield f"Full comparison with plots: `uv run mlroad dataset diff {old} {new} --html report.html`"


def _place(root: Path, delivered: DeliveryResult, version: DatasetVersion) -> Iterator[str]:
    if delivered.registered:
        yield f"- Azure ML: [{version.id}]({delivered.registered.url})"
    else:
        yield "- Azure ML: not registered."
    path = local_path(root, version)
    if version.is_remote:
        yield f"- The data: {_code(version.path)}; to get it: `uv run mlroad dataset fetch {version.id}`."
    elif path.is_relative_to(root / "datasets"):
        yield f"- The data: {_code(path.relative_to(root).as_posix())}, in this pull request."
    else:
        yield f"- The data is too large for git; download it with `uv run mlroad dataset fetch {version.id}`."


def _use(root: Path, previous: DatasetVersion | None, version: DatasetVersion) -> Iterator[str]:
    users = pipelines_using(root, previous) if previous else []
    yield f"No pipeline uses it yet: write `azureml:{version.id}` in a pipeline.yml."
    if previous and users:
        yield f"These pipelines use `azureml:{previous.id}`:"
        yield ""
        yield from (f"- {_code(user)}" for user in users)


def _plain(text: str) -> str:
    """A text on one line, without Markdown and mentions."""
    text = " ".join(text.split())
    text = re.sub(r"([\\`*_{}\[\]<>|#~&!])", r"\\\1", text)
    # A zero-width space prevents @name from becoming a mention.
    return text.replace("@", "@\u200b")


def _code(text: str) -> str:
    """A name in backticks, even if it contains backticks."""
    text = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"
