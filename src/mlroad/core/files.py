"""Files that are written completely or not at all, temporary folders, and folders to delete."""

import contextlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.core.repo import cache_folder

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""Windows reserves these names in every folder: it could not check out datasets/con/."""


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A temporary path beside ``file``. It replaces ``file`` when the block ends, and is deleted if it fails.

    Readers see the old file or the new one. The new file keeps the old one's permissions. Raises OSError.
    """
    temporary = _beside(file)
    try:
        yield temporary
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(file.stat().st_mode))
        temporary.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file completely or not at all. Raises OSError."""
    with replacing(file) as temporary:
        temporary.write_bytes(content)


def write_text(file: Path, content: str) -> None:
    """Write a file in UTF-8 with line ends as given, completely or not at all. Raises OSError."""
    write_bytes(file, content.encode())


def write_new(file: Path, content: str) -> None:
    """Create a file, completely or not at all. Raises FileExistsError if it exists, OSError if that fails."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(file)
    try:
        temporary.write_bytes(content.encode())
        try:
            # Every system refuses to link to a name that is taken; some would replace it in a rename.
            os.link(temporary, file)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links (FAT, some network drives)
            with file.open("xb") as out:
                out.write(temporary.read_bytes())
    finally:
        temporary.unlink(missing_ok=True)


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one if the file is missing, damaged or something else."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a file completely or not at all. Raises OSError."""
    with replacing(file) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        json.dump(content, out, indent=1, ensure_ascii=False)
        out.write("\n")


def unwritable(file: Path | str, error: OSError) -> UserError:
    """The error to raise for a file that could not be written."""
    return UserError(
        f"{file} cannot be written: {error.strerror or error}.", "Check its permissions and the disk."
    )


def first_error(error: OSError) -> OSError:
    """The error itself, or the first one of those that `shutil.copytree` has collected as texts."""
    if not isinstance(error, shutil.Error) or not isinstance(error.args[0], list):
        return error
    _, target, text = error.args[0][0]
    found = re.match(r"\[Errno (\d+)\] ([^:]+)", text)
    return OSError(int(found[1]), found[2], str(target)) if found else error


def write_output(file: Path, content: str) -> None:
    """Write a file that the user named, completely or not at all. Raises UserError if that fails."""
    try:
        write_text(file, content)
    except OSError as error:
        raise unwritable(file, error) from None


@contextlib.contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A temporary folder on the same disk as the repo, so that files made in it can be moved into place."""
    folder = cache_folder(root) / f"work-{os.getpid()}-{os.urandom(4).hex()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a folder and everything in it, read-only files included, as far as that is possible."""

    def writable(function: Callable[..., Any], path: str, _: Any) -> None:
        with contextlib.suppress(OSError):
            Path(path).chmod(stat.S_IRWXU)
            function(path)

    shutil.rmtree(folder, onerror=writable)


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(2).hex()}.tmp")
