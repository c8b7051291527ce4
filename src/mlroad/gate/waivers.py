"""waivers.yml: failed thresholds that an owner accepts until a date. Mistakes in it fail the gate."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from mlroad.core.problems import Position, UserError
from mlroad.core.text import did_you_mean
from mlroad.core.yaml_document import Document, Fields
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.gate.checks import GateChecks, is_waivable

FILE = "waivers.yml"
ID = "waivers"
LONGEST = timedelta(days=366)
"""A waiver must end within a year (or a leap year)."""
_OWNER = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9._-]+)?")
"""As in copier.yml for the owners of the repo."""


@dataclass(slots=True)
class Waiver:
    """One entry."""

    gate: str
    owner: str
    reason: str
    expires: date
    """The last day on which it is valid, in UTC."""
    at: Position
    used: bool = False

    def as_json(self) -> dict[str, Any]:
        """The waiver as the verdict holds it."""
        return {
            "gate": self.gate, "owner": self.owner, "reason": self.reason,
            "expires": self.expires.isoformat(), "used": self.used,
        }  # fmt: skip


def load_waivers(file: Path) -> list[Waiver]:
    """Read the file. Without it there are no waivers.

    Raises UserError with every mistake in it.
    """
    if not file.exists():
        return []
    document = Document(file)
    if not isinstance(document.node, ListNode):
        document.wrong(
            document.node, "MR704", "This file should contain a list.", "Start an entry with `- gate: …`."
        )
        document.done()
        return []
    found = [waiver for item in document.node.items if (waiver := _one(document, item))]
    document.done()
    return found


def ends_too_late(waiver: Waiver, today: date) -> bool:
    """Whether it is valid for more than a year."""
    return waiver.expires > today + LONGEST


def apply_waivers(
    checks: GateChecks, file: Path, today: date, possible: Callable[[str], bool] = lambda _: False
) -> list[Waiver]:
    """Mark failed checks as waived, and add a check of the waivers themselves if there are any.

    ``possible`` tells whether gates.yml names a check that could not be made this time, such as one that
    needs a champion.
    """
    try:
        waivers = load_waivers(file)
    except UserError as error:
        checks.add(ID, "broken", f"No waiver is applied: {error}")
        return []
    wrong: list[str] = []
    seen: set[str] = set()
    known = checks.ids()
    for waiver in waivers:
        reason = _against(waiver, [*known, *([waiver.gate] if possible(waiver.gate) else [])], seen, today)
        seen.add(waiver.gate)
        if reason:
            wrong.append(f"{waiver.at}: {reason}")
            continue
        for check in checks.found:
            if check.id == waiver.gate and check.result == "failed":
                check.result = "waived"
                check.what += f" Waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"
                waiver.used = True
    if wrong:
        checks.add(ID, "failed", " ".join(wrong))
    elif waivers:
        used = sum(waiver.used for waiver in waivers)
        idle = [waiver.gate for waiver in waivers if not waiver.used]
        rest = f" Unused: {', '.join(idle)}." if idle else ""
        checks.add(ID, "passed", f"{used} of {len(waivers)} waivers were needed.{rest}")
    return waivers


def _against(waiver: Waiver, known: list[str], seen: set[str], today: date) -> str | None:
    """Why a waiver is not valid, or None."""
    if waiver.gate not in known:
        hint = did_you_mean(waiver.gate, [id_ for id_ in known if is_waivable(id_)])
        return f"There is no check {waiver.gate}. {hint}".strip()
    if not is_waivable(waiver.gate):
        return f"{waiver.gate} cannot be waived: only thresholds can."
    if waiver.gate in seen:
        return f"{waiver.gate} has two waivers. Keep one of them."
    if waiver.expires < today:
        return (
            f"The waiver for {waiver.gate} by {waiver.owner} expired on {waiver.expires}. "
            "Fix the model, or agree on a new date."
        )
    if ends_too_late(waiver, today):
        return (
            f"The waiver for {waiver.gate} by {waiver.owner} ends on {waiver.expires}: "
            "a waiver must end within a year. Set an earlier date."
        )
    return None


def _one(document: Document, item: Node) -> Waiver | None:
    if not isinstance(item, MapNode):
        document.wrong(item, "MR704", "This is not a waiver.", "Write gate, owner, reason and expires.")
        return None
    fields = Fields(document, item)
    gate, owner, reason = (_text(fields, name) for name in ("gate", "owner", "reason"))
    if owner and not _OWNER.fullmatch(owner):
        document.wrong(
            fields.get("owner"),
            "MR704",
            f'owner is "{owner}".',
            "Write @user or @org/team.",
        )
    expires = _day(document, fields)
    fields.close()
    return Waiver(gate, owner, reason, expires, item.at) if expires else None


def _text(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if fields.has(name) and not text.strip():
        fields.document.wrong(fields.get(name), "MR704", f"{name} is empty.", "Write it.")
    return text.strip()


def _day(document: Document, fields: Fields) -> date | None:
    if not fields.has("expires"):
        fields.missing("expires", "Write the last day on which it is valid, such as 2026-12-31.")
        return None
    node = fields.get("expires")
    value = node.value if isinstance(node, ScalarNode) else None
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime) or not isinstance(value, date):
        document.wrong(node, "MR704", "expires is not a date.", "Write it as in 2026-12-31.")
        return None
    return value
