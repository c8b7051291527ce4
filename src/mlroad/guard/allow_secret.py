"""`mlroad guard allow FILE:LINE --reason WHY`: record a false alarm where no comment can stand."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.guard.guard_settings import HOUSE_FILE, Settings, load_settings
from mlroad.guard.guarded_files import named_files
from mlroad.guard.house_rules import digest_of, load_house_rules
from mlroad.guard.secret_scan import FoundSecret, SecretScan


def main(argv: Sequence[str], prog: str = "mlroad guard allow") -> int:
    """Write one [[allow]] entry for each finding in the line. Returns 0."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Record that a finding of the secret scan is no secret."
    )
    parser.add_argument("place", metavar="FILE:LINE", help="as the finding names it")
    parser.add_argument("--reason", required=True, help="why it is none; a reviewer reads it")
    options = parser.parse_args(argv)
    if not options.reason.strip():
        raise UserError("--reason is empty.", "Say why this is no secret.")
    settings = load_settings(Path.cwd())
    found = _findings(settings, options.place)
    file = settings.house_file or settings.root / HOUSE_FILE
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for secret in found:
        text += _entry(secret, options.reason.strip())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.lstrip("\n"), encoding="utf-8", newline="\n")
    load_house_rules(file)
    for secret in found:
        print(f"Allowed in {file}: {secret.kind} at {options.place}. A real secret must be revoked instead.")
    return 0


def _findings(settings: Settings, place: str) -> list[FoundSecret]:
    match = re.fullmatch(r"(?P<file>.+?):(?P<line>\d+)(?::.*)?", place)
    if match is None:
        raise UserError(f"{place}: is no FILE:LINE.", "Copy the place from the finding.")
    sources = named_files(settings.root, [match["file"]])
    with SecretScan(settings) as scan:
        found = [
            item for source in sources for item in scan.secrets(source) if item.line == int(match["line"])
        ]
    if not found:
        raise UserError(
            f"{place}: the scan finds no secret there.", "Run `mlroad guard FILE` to see the places."
        )
    return found


def _entry(secret: FoundSecret, reason: str) -> str:
    lines = (
        "\n[[allow]]",
        f'sha256 = "{digest_of(secret.value)}"',
        f"file = {_toml(secret.source.name)}",
        f"reason = {_toml(reason)}",
    )
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else " " for char in escaped) + '"'
