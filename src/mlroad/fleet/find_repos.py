"""The repos of a fleet: from a folder of clones, a file with addresses, an address, or an organization."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlroad.core.git_addresses import without_login
from mlroad.core.problems import UserError
from mlroad.core.template import git_address
from mlroad.fleet.ask_github import GitHub

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|[^/\\@]+@[^/\\]+:|(?:gh|gl):", re.IGNORECASE)
_KINDS = "Name a folder of clones, a file with one git address per line, or a git address."


@dataclass(frozen=True, slots=True)
class Place:
    """Where one repo is."""

    name: str
    address: str
    """A folder, or what git can clone."""
    found: bool = False
    """It was found in a folder or an organization, whose other repos are left out."""

    @property
    def folder(self) -> Path | None:
        """The clone, if it is one on this machine."""
        return Path(self.address) if Path(self.address).is_dir() else None

    @property
    def shown(self) -> str:
        """The address without a password."""
        return without_login(self.address)


def find_repos(named: Sequence[str], organization: str | None, github: GitHub) -> list[Place]:
    """Every repo once, in order. Raises UserError for a place that does not exist or has no repos."""
    if not named and not organization:
        raise UserError("There is no place to look for repos.", f"{_KINDS[:-1]}, or use --org NAME.")
    found = [place for name in named for place in _repos_of(name)]
    if organization:
        found += [_at(address, found=True) for address in github.repos_of(organization)]
    return list({place.address: place for place in found}.values())


def _repos_of(name: str) -> Iterator[Place]:
    path = Path(name)
    if path.is_dir():
        yield from _clones(path)
    elif path.is_file():
        yield from _listed(path)
    elif _ADDRESS.match(name):
        yield _at(name)
    else:
        raise UserError(f"{name} does not exist.", _KINDS)


def _clones(folder: Path) -> Iterator[Place]:
    if _is_clone(folder):
        yield Place(folder.resolve().name, str(folder))
        return
    clones = sorted(its for its in folder.iterdir() if _is_clone(its))
    if not clones:
        raise UserError(f"{folder} has no clones.", f"Clone repos into it. {_KINDS}")
    yield from (Place(clone.name, str(clone), found=True) for clone in clones)


def _is_clone(folder: Path) -> bool:
    """Whether it is a clone, or a bare one (a mirror). A folder that cannot be read counts: it gets a row."""
    try:
        git = folder / ".git"
        is_bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
        return git.exists() or git.is_symlink() or is_bare  # a link may lead nowhere
    except PermissionError:
        return True


def _listed(file: Path) -> Iterator[Place]:
    """The lines of a file; a path is relative to the file."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{file} is not a text file.", _KINDS) from None
    addresses = [line.partition(" #")[0].strip() for line in lines if not line.startswith("#")]
    if not any(addresses):
        raise UserError(f"{file} has no addresses.", "Write one git address per line.")
    for address in filter(None, addresses):
        yield _at(address if _ADDRESS.match(address) else str(file.parent / address))


def _at(address: str, *, found: bool = False) -> Place:
    address = git_address(address)
    parts = re.split(r"[/\\:]+", address.rstrip("/\\").removesuffix(".git"))
    return Place("/".join(parts[-2:]) if _ADDRESS.match(address) else parts[-1], address, found)
