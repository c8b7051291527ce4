"""How the command line starts and ends: quickly, and without a traceback for a user's mistake."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlroad.core.problems import UserError

_FACTORY = "Add mlroad[factory] to the dependency group `tools` in pyproject.toml, and run `uv sync`."
REMEDIES = {
    "azure": "Run `uv sync --group azure`.",
    **dict.fromkeys(("numpy", "onnx", "onnxruntime", "skl2onnx"), _FACTORY),
}
"""What to do about a missing package that comes with an extra of mlroad."""
_DISK = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PERMISSIONS = (errno.EACCES, errno.EPERM)


@contextmanager
def plain_endings() -> Iterator[None]:
    """Exit with 2 and a message on a `UserError`, and if the disk or its permissions refuse a file.

    Exit with 130 on Ctrl-C, and with 1 when the reader closed the pipe.
    """
    try:
        yield
    except UserError as error:
        _leave(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in REMEDIES:
            raise
        _leave(f"This command needs the package {package}, which is not installed. {REMEDIES[package]}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader closed the pipe (`mlroad … | head`). Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        message = _refusal(error)
        if not message:
            raise
        _leave(message)


def set_encodings() -> None:
    """Write UTF-8 to files and programs on every system; to a terminal, whatever it can show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _has_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _refusal(error: OSError) -> str:
    """What to say of an error of the user's disk; empty for all others, which may be bugs of ML Road."""
    from mlroad.core.files import first_error, unwritable  # noqa: PLC0415 - every command imports this module

    error = first_error(error)
    # Of two files, such as those of a copy, the second is written.
    file = next((name for name in (error.filename2, error.filename) if isinstance(name, str)), "")
    if error.errno in _DISK:
        return str(unwritable(file or "A file", error))
    if error.errno in _PERMISSIONS and file:
        return f"{file} cannot be used: {error.strerror}. Check its permissions."
    if isinstance(error, FileNotFoundError) and not _has_folder():
        return "The current folder was deleted. Change to one that exists."
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):  # of `tempfile`
        return f"{error.strerror}. Check their permissions and the disk, or set TMPDIR to another folder."
    return ""


def _leave(message: str) -> None:
    print(message, file=sys.stderr)
    sys.exit(2)
