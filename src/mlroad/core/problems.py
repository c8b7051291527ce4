"""The result of every check: problems, each with its position and remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlroad.core.git_addresses import without_login

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file. Lines and columns count from 1; column 0 is the whole line, line 0 the file."""

    file: Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [str(self.file)]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. ``code`` is stable, ``what`` says what is wrong, ``fix`` what to do (full sentences)."""

    at: Position
    code: str
    what: str
    fix: str
    severity: Severity = "error"

    def __str__(self) -> str:
        label = "" if self.severity == "error" else "warning: "
        return f"{self.at}: {self.code}: {label}{self.what} {self.fix}".rstrip()


class UserError(Exception):
    """A mistake that the user can fix: the command line prints it without a traceback and exits with 2.

    Logs keep what is printed, so a password in an address is left out.
    """

    def __init__(self, problems: Problem | Iterable[Problem] | str, fix: str = "") -> None:
        self.problems: tuple[Problem, ...]
        if isinstance(problems, str):
            self.problems = ()
            super().__init__(without_login(f"{problems} {fix}".strip()))
        else:
            self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
            super().__init__(without_login("\n".join(map(str, self.problems))))
