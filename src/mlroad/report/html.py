"""The pieces that the page is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_SHORT = 19
"""``sha256:`` and twelve digits tell one digest from another; the whole is in its title."""


def chip(label: str, text: str) -> str:
    """A word on a coloured ground. The word says it all: colour is not needed."""
    return f'<span class="chip {label}">{escape(text)}</span>'


def tile(name: str, value: str, note: str, *, bad: bool = False) -> str:
    """One figure in large print."""
    kind = "tile bad" if bad else "tile"
    shown = f"<small>{escape(name)}</small><b>{escape(value)}</b><small>{escape(note)}</small>"
    return f'<div class="{kind}">{shown}</div>'


def section(title: str, text: str, inner: str) -> str:
    """A heading, a sentence, and what belongs to it."""
    about = f'<p class="soft">{escape(text)}</p>' if text else ""
    space = "" if text else ' style="margin-bottom:12px"'
    return f"<h2{space}>{escape(title)}</h2>\n{about}{inner}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]], *, heading: int, wide: int = -1) -> str:
    """A table of HTML cells; the cell ``heading`` names its row. On a phone each row becomes a card."""
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = []
    for cells in lines:
        row = []
        for i, cell in enumerate(cells):
            name = head[i].split("<", 1)[0]
            kind = ' class="wide"' if i == wide else ""
            if i == heading:
                row.append(f'<th scope="row"{kind}>{cell}</th>')
            elif name:
                row.append(f'<td data-name="{name}"{kind}><div>{cell}</div></td>' if cell else "<td></td>")
            else:
                row.append(f"<td{kind}>{cell}</td>")
        body.append(f"<tr>{''.join(row)}</tr>")
    return (
        f'<div class="card rows"><table class="rows"><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """Names with HTML values; those without a value are left out."""
    shown = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in items if value)
    return f'<dl class="pairs">{shown}</dl>'


def code(text: object) -> str:
    """A text as it was written."""
    return f"<code>{escape(str(text))}</code>"


def digest(value: object) -> str:
    """The beginning of a digest, with all of it in the title."""
    text = str(value or "")
    return f'<code class="digest" title="{escape(text)}">{escape(text[:_SHORT])}</code>' if text else ""
