"""Signatures of what the workflows write into the registry (docs: decision 0012).

Only the environments `registry` and `production` of the repo hold the private key, so only the jobs that
publish and approve can sign. Everyone can verify: the public key is in `.github/registry_signers`, in the
format of `ssh-keygen -Y verify`. A version that someone pushed by hand has no valid signature.

Each fact has its own signature: which lineage a version has, and each change of the champion. So a later
signed write does not hide an earlier unsigned one.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.registry.base import CHAMPION, Version
from mlroad.registry.history import history
from mlroad.registry.registered_model import LINEAGE_TAG

KEY = "MLROAD_SIGNING_KEY"
"""The variable with the private key, as `ssh-keygen` writes it."""
SIGNERS = ".github/registry_signers"
SIGNATURE = "signature"
"""The tag of a version, and the key of a history entry."""
_IDENTITY, _NAMESPACE = "registry", "mlroad-registry"
_CHANGE = ("what", "by", "at", "previous", "reason", "run", "environment")


def registration(version: Version) -> dict[str, Any]:
    """The statement that this is what was registered under the number."""
    return {"what": "register", **_about(version)}


def change_of_champion(version: Version, note: Mapping[str, Any]) -> dict[str, Any]:
    """The statement that the version became champion as an entry of its history says."""
    return {**_about(version), **{key: note[key] for key in _CHANGE if note.get(key) is not None}}


def sign(statement: Mapping[str, Any]) -> str:
    """The signature of a statement; empty on a machine without the key. Raises UserError."""
    key = os.environ.get(KEY, "").strip()
    if not key:
        return ""
    with tempfile.TemporaryDirectory(prefix="mlroad-sign-") as name:
        file = Path(name) / "key"
        file.touch(mode=0o600)
        file.write_text(key + "\n", encoding="utf-8", newline="\n")
        done = _ssh_keygen(["-Y", "sign", "-f", str(file), "-n", _NAMESPACE], statement)
    if done.returncode != 0:
        raise UserError(
            f"The key in {KEY} cannot sign: {done.stderr.decode(errors='replace').strip()}.",
            "Store it again (docs/github.md).",
        )
    return done.stdout.decode("ascii")


def has_signers(root: Path) -> bool:
    """Whether this repo names the keys that may write the registry."""
    return (root / SIGNERS).is_file()


def unverified(root: Path, version: Version, versions: Sequence[Version]) -> str:
    """Why it is not proved that the workflows wrote this version, as a sentence; empty if it is.

    ``versions`` are all of its model. An alias that was moved by hand to an earlier champion has an earlier
    signed change than another version.
    """
    if not has_signers(root):
        return f"The repo has no {SIGNERS} (docs/github.md)."
    if not _is_signed(root, registration(version), version.tags.get(SIGNATURE, "")):
        return "It was not registered by the workflow."
    notes = history(version)
    if CHAMPION in version.aliases and not notes:
        return "It was not made champion by the workflow."
    for note in notes:
        if not _is_signed(root, change_of_champion(version, note), str(note.get(SIGNATURE, ""))):
            return f"The change to champion at {note['at']} was not signed by the workflow."
    if CHAMPION in version.aliases:
        now = max(str(note["at"]) for note in notes)
        for other, change in _later(version, versions, now):
            if _is_signed(root, change_of_champion(other, change), str(change.get(SIGNATURE, ""))):
                return f"The workflow made {other.name} the champion later, at {change['at']}."
    return ""


def _later(
    version: Version, versions: Sequence[Version], now: str
) -> Iterator[tuple[Version, Mapping[str, Any]]]:
    """The changes that made other versions champion after this time."""
    for other in versions:
        if other.model == version.model and other.number != version.number:
            yield from ((other, note) for note in history(other) if str(note["at"]) > now)


def _about(version: Version) -> dict[str, Any]:
    return {"model": version.model, "version": version.number, "lineage": version.tags.get(LINEAGE_TAG)}


def _is_signed(root: Path, statement: Mapping[str, Any], signature: str) -> bool:
    if not signature:
        return False
    with tempfile.TemporaryDirectory(prefix="mlroad-verify-") as name:
        file = Path(name) / "signature"
        file.write_text(signature, encoding="utf-8", newline="\n")
        signers = str((root / SIGNERS).resolve())
        options = ["-Y", "verify", "-f", signers, "-I", _IDENTITY, "-n", _NAMESPACE, "-s", str(file)]
        return _ssh_keygen(options, statement).returncode == 0


def _ssh_keygen(options: list[str], statement: Mapping[str, Any]) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UserError("ssh-keygen is not installed.", "Install OpenSSH; git for Windows brings it.")
    content = json.dumps(statement, sort_keys=True, ensure_ascii=True).encode("ascii")
    return subprocess.run([program, *options], input=content, capture_output=True, check=False)
