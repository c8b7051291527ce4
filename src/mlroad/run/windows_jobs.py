"""Windows: the process tree of a step is a job object, which the kernel ends when its last handle closes.

The handle closes when the runner dies, so a killed runner leaves nothing behind. psutil has no job objects,
and it cannot find the children of a parent that has ended. Source: Microsoft's documentation of
CreateJobObject, SetInformationJobObject (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE) and AssignProcessToJobObject.
"""

import ctypes
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import psutil

_KILL_ON_CLOSE = 0x2000
_EXTENDED_LIMITS = 9
_LIMIT_FLAGS_OFFSET = 16
_EXTENDED_LIMITS_SIZE = 144 if sys.maxsize > 2**32 else 112
_SUSPENDED = 0x4


def start_in_job(
    arguments: list[str], folder: Path, environment: Mapping[str, str], log: IO[bytes]
) -> tuple[subprocess.Popen[bytes], object]:
    """Start a process in a new job object, before it can start others. Raises OSError."""
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    flags = _KILL_ON_CLOSE.to_bytes(4, "little")
    limits = (
        bytes(_LIMIT_FLAGS_OFFSET) + flags + bytes(_EXTENDED_LIMITS_SIZE - _LIMIT_FLAGS_OFFSET - len(flags))
    )
    kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, limits, len(limits))
    new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    popen = subprocess.Popen(
        arguments,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        creationflags=_SUSPENDED | new_group,
    )
    handle = ctypes.c_void_p(int(popen._handle))  # type: ignore[attr-defined,unused-ignore]
    kernel.AssignProcessToJobObject(job, handle)
    psutil.Process(popen.pid).resume()
    return popen, job


def end_job(job: object) -> None:
    """End every process of the job object at once. Ending it again does nothing."""
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.TerminateJobObject(job, 1)
