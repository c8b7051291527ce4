"""Reading logs while they grow, a bounded piece at a time."""

import re
from pathlib import Path

PIECE = 1 << 20
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


class LogReader:
    """Reads a growing file in whole lines, at most a few megabytes at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._rest = b""

    def read(self) -> bytes:
        """The next whole lines; empty if there are none yet. A line longer than `PIECE` is split."""
        piece = self._file.read(PIECE)
        if not piece:
            return b""
        lines, newline, rest = piece.rpartition(b"\n")
        if not newline:
            self._rest += piece
            if len(self._rest) < PIECE:
                return b""
            given, self._rest = self._rest + b"\n", b""
            return given
        given, self._rest = self._rest + lines + newline, rest
        return given

    def close(self) -> bytes:
        """Close the file; returns the last line if it has no newline."""
        self._file.close()
        return self._rest + b"\n" if self._rest else b""


def last_lines(path: Path, count: int, width: int = 400) -> list[str]:
    """The last lines of a log as plain text, without control characters. Empty if there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 32768))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [clean(line)[:width] for line in text.splitlines()]
    return [line for line in lines if line.strip()][-count:]


def clean(line: str) -> str:
    """A line as a screen would show it in the end, without what a carriage return has overwritten."""
    return _CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2].expandtabs(4))
