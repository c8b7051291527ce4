"""What the kernel refuses a confined process, past Python's own functions, and the limits that it has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlroad.models import confine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no seccomp")
SCRIPT = """
import ctypes, errno, json, os, resource, sys
from pathlib import Path
from mlroad.models import confine

folder, given, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
confine.FILE_LIMIT = 1000
missing = confine.confine(folder, given, network=how == "network") if how else None
libc = ctypes.CDLL(None, use_errno=True)

def error(call, *arguments):
    return "" if call(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]

def refused(function, *arguments):
    try:
        function(*arguments)
    except (OSError, ValueError) as error:
        return errno.errorcode[error.errno] if isinstance(error, OSError) else str(error)
    return ""

kinds = ("CORE", "FSIZE", "DATA")
limits = {kind: resource.getrlimit(getattr(resource, f"RLIMIT_{kind}")) for kind in kinds}
print(json.dumps({
    "missing": missing,
    "sockets": {str(family): error(libc.socket, family, 2, 0) for family in (1, 16, 2, 10)},
    "traced": error(libc.ptrace, 2, os.getpid(), 0, 0),
    "limits": limits,
    "large file": refused((folder / "large").write_bytes, bytes(2000)),
    "small file": refused((folder / "small").write_bytes, bytes(900)),
    "raised": refused(resource.setrlimit, resource.RLIMIT_FSIZE, (2000, 2000)),
}))
"""


def ran(folder: Path, how: str) -> dict[str, Any]:
    """What a process can do; ``how``: confined, confined but for the network, or, if empty, not confined."""
    (folder / "given").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(folder / "given"), how],
        capture_output=True, text=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_sockets_and_tracing_are_refused_and_limits_are_set(tmp_path: Path) -> None:
    found = ran(tmp_path, "confined")
    assert "network" not in found["missing"]
    # Local ones are harmless: AF_UNIX and AF_NETLINK. The others are AF_INET and AF_INET6.
    assert found["sockets"] == {"1": "", "16": "", "2": "EACCES", "10": "EACCES"}
    assert found["traced"] == "EACCES"
    assert found["limits"]["CORE"] == [0, 0]
    assert found["limits"]["FSIZE"] == [1000, 1000]
    assert found["limits"]["DATA"][0] == found["limits"]["DATA"][1] <= confine.memory_limit()
    assert found["limits"]["DATA"][0] > 0
    assert (found["large file"], found["small file"]) == ("EFBIG", "")
    assert found["raised"]


def test_what_may_use_the_network_has_the_limits_all_the_same(tmp_path: Path) -> None:
    found = ran(tmp_path, "network")
    assert found["sockets"]["2"] == ""
    assert found["large file"] == "EFBIG"


def test_canary_nothing_is_refused_without_it(tmp_path: Path) -> None:
    found = ran(tmp_path, "")
    assert found["sockets"]["2"] == ""
    assert found["traced"] == "ESRCH"  # nothing traces it: the call itself is made
    assert found["large file"] == ""
