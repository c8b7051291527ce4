"""What a model's process may not do, as far as the system can stop it. Called before the model is loaded.

Linux stops it in the kernel, without special rights, and a process cannot undo it:

- Landlock (Linux 5.13): it reads system folders and Python's own, and reads and writes its temporary folder.
  So it finds neither the repo with the holdout nor the home folder. It can look into no process but its own
  children: /proc/PID/environ of the gate, its shell and so on cannot be read.
- seccomp: it opens no sockets but local ones, connects to none (such as that of Docker, whose owner is as
  good as root), and traces no other process.
- Limits: no file and no memory beyond a bound, so that the model fails and not the machine. If its processes
  take all memory together, the system ends them first.

Elsewhere only the limits are set that the system has, and `noticed_network_use` reports connections that
Python code opens. It is a notice, not a wall: code in C, or another program, is not seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import stat
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FILE_LIMIT = 1 << 30
"""Bytes of one file that a model writes; what it prints is a file as well."""
_LEAST_MEMORY = 1 << 30
_READ_FOLDERS = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/proc", "/sys",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom", "shm", "dri", "kfd", "nvidia*")
_LOCAL = re.compile(r"localhost|127\.[\d.]+|::1")
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE | _READ_FILE | _TRUNCATE | _IOCTL
_ABIS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""The rights on files that each version of Landlock knows."""
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_CAPABILITIES = 0x20080522
_ALLOWED_FAMILIES = (1, 16)
"""AF_UNIX, for pairs of sockets, and AF_NETLINK, which lists the machine's own interfaces."""
_MACHINES = {
    # The audit number, then: socket, and the calls that are refused whatever their arguments are:
    # connect, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, add_key, request_key, keyctl
    "x86_64": (0xC000003E, 41, (42, 101, 310, 311, 425, 248, 249, 250)),
    "aarch64": (0xC00000B7, 198, (203, 117, 270, 271, 425, 217, 218, 219)),
}


def confine(folder: Path, given: Path, *, network: bool = False) -> list[str]:
    """Confine this process and its children. It may write only into ``folder``, and also reads ``given``.
    With ``network`` it may open connections.

    Returns what this system cannot hide from it: files, network.
    """
    _limit()
    with contextlib.suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if sys.platform != "linux":
        return ["files", "network"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return ["files", "network"]
    # Without root's capabilities: one of them reads the memory of other processes all the same.
    libc.capset(struct.pack("=Ii", _CAPABILITIES, 0), bytes(24))
    missing = [] if _hide_files(libc, folder, given) else ["files"]
    return missing if network or _close_network(libc) else [*missing, "network"]


def noticed_network_use() -> list[str]:
    """A list that gets an entry when Python code of this process looks up a host or connects to one."""
    noticed: list[str] = []

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or noticed:
            return
        if event in ("socket.getaddrinfo", "socket.gethostbyname"):
            host = arguments[0]
        elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        host = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")
        if not _LOCAL.fullmatch(host):
            noticed.append(host)

    sys.addaudithook(look)
    return noticed


def memory_limit() -> int:
    """Three quarters of the machine's memory, or of the container's."""
    import psutil

    total = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return max(_LEAST_MEMORY, total // 4 * 3)


def _limit() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 (not on Windows)

    for name, wanted in (("CORE", 0), ("FSIZE", FILE_LIMIT), ("DATA", memory_limit())):
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _hide_files(libc: ctypes.CDLL, folder: Path, given: Path) -> bool:
    """Allow files only in some folders, by Landlock."""
    version = libc.syscall(_CREATE, None, 0, 1)
    if version < 1:
        return False
    rights = _ABIS[min(version, max(_ABIS))]
    # From version 6 on, it can send no signals to other processes, nor reach their abstract sockets.
    attributes = struct.pack("=QQQ", rights, 0, 3) if version >= 6 else struct.pack("=Q", rights)
    rules = libc.syscall(_CREATE, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        for path in (given, *_readable()):
            _allow(libc, rules, path, rights & _READ)
        _allow(libc, rules, Path("/etc"), rights & _READ_DIR)
        for file in _open_to_all(Path("/etc")):
            _allow(libc, rules, file, rights & _READ)
        for name in _DEVICES:
            for device in Path("/dev").glob(name):
                _allow(libc, rules, device, rights)
        _allow(libc, rules, folder, rights)
        return bool(libc.syscall(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _readable() -> Iterable[Path]:
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values(), *sys.path)
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for name in dict.fromkeys((*_READ_FOLDERS, *own, *libraries)):
        path = Path(name)
        # A Python below /usr or a wheel's folder; never the root, nor a folder that holds all the others.
        if path.is_absolute() and path != Path("/") and path.exists():
            yield from _modules(path) if (path / ".git").exists() else [path, *_linked(path)]


def _linked(folder: Path) -> set[Path]:
    """Where the packages of ``folder`` lie if it only links to them, as with uv's `link-mode = "symlink"`."""
    links = (about for about in folder.glob("*.dist-info/METADATA") if about.is_symlink())
    return {link.resolve().parent.parent for link in links} - {Path("/")}


def _modules(repo: Path) -> Iterator[Path]:
    """What Python can import of a repo that is on its path; not its data, nor its history."""
    return (path for path in repo.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file())


def _open_to_all(folder: Path) -> Iterator[Path]:
    """The files that every user may read. Root owns the others, so nothing else would close them to it."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        kind = 0 if entry.is_symlink() else entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(kind) and kind & stat.S_IXOTH:
            yield from _open_to_all(Path(entry.path))
        elif stat.S_ISREG(kind) and kind & stat.S_IROTH:
            yield Path(entry.path)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _OF_FILES
        libc.syscall(_ADD, rules, 1, struct.pack("=Qi", allowed, descriptor), 0)
    finally:
        os.close(descriptor)


def _close_network(libc: ctypes.CDLL) -> bool:
    """Refuse sockets of other families than `_ALLOWED_FAMILIES`, by a seccomp filter."""
    known = _MACHINES.get(platform.machine())
    if known is None:
        return False
    architecture, socket_call, refused = known
    allow, refuse = _statement(0x06, 0x7FFF0000), _statement(0x06, 0x00050000 | 13)  # EACCES
    program = [_statement(0x20, 4), _jump(0x15, architecture, 1, 0), refuse, _statement(0x20, 0)]
    program += [_jump(0x35, 0x40000000, 0, 1), refuse]  # calls of the x32 interface have these numbers
    for call in refused:
        program += [_jump(0x15, call, 0, 1), refuse]
    program += [_jump(0x15, socket_call, 1, 0), allow, _statement(0x20, 16)]
    for family in _ALLOWED_FAMILIES:
        program += [_jump(0x15, family, 0, 1), allow]
    code = ctypes.create_string_buffer(b"".join([*program, refuse]))
    about = ctypes.create_string_buffer(struct.pack("@HP", len(program) + 1, ctypes.addressof(code)))
    return bool(libc.prctl(_SECCOMP, _FILTER, about, 0, 0) == 0)


def _statement(code: int, value: int) -> bytes:
    return _jump(code, value, 0, 0)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
