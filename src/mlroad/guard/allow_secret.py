"""`mlroad guard allow FILE:LINE --reason WHY`: record a false alarm in a file that cannot have comments."""

import re

from mlroad.core.problems import UserError
from mlroad.guard.commits import file_in_commit
from mlroad.guard.guard_settings import HOUSE_FILE, Settings
from mlroad.guard.guarded_files import named_files
from mlroad.guard.house_rules import digest_of, load_house_rules
from mlroad.guard.secret_scan import FoundSecret, SecretScan


def allow_secret(settings: Settings, place: str, reason: str, commit: str | None = None) -> list[str]:
    """Write an [[allow]] entry for each secret found at ``place``; returns a message for each one.

    The place is in the file as it is now, or as it was in ``commit``.
    """
    if not reason.strip():
        raise UserError("--reason is empty.", "Write why this is not a secret.")
    found = _findings(settings, place, commit)
    file = settings.house_file or settings.root / HOUSE_FILE
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for secret in found:
        text += _entry(secret, reason.strip())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.lstrip("\n"), encoding="utf-8", newline="\n")
    load_house_rules(file)
    return [
        f"Allowed in {file}: {secret.kind} at {place}. A real secret must be revoked instead."
        for secret in found
    ]


def _findings(settings: Settings, place: str, commit: str | None) -> list[FoundSecret]:
    match = re.fullmatch(r"(?P<file>.+?):(?P<line>\d+)(?::.*)?", place)
    if match is None:
        raise UserError(f"{place} is not FILE:LINE.", "Copy it from the message.")
    if commit is None:
        sources = named_files(settings.root, [match["file"]])
    else:
        sources = [file_in_commit(settings.root, commit, match["file"])]
    with SecretScan(settings) as scan:
        found = [
            item for source in sources for item in scan.secrets(source) if item.line == int(match["line"])
        ]
    if not found:
        raise UserError(
            f"{place}: the scan finds no secret in this line.", "Run `mlroad guard FILE` to list them."
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
