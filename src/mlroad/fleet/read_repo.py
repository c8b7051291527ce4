"""One row of the fleet: what git, the template and GitHub say about a repo. Nothing is written into it."""

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mlroad.core.factory_settings import FILE as FACTORY
from mlroad.core.git import read_blobs, run_git, tree_entries
from mlroad.core.git_addresses import on_server, without_login
from mlroad.core.problems import UserError
from mlroad.core.standards import Age, age_among, delivered, versions_of
from mlroad.core.template import ANSWERS, origin_in
from mlroad.core.yaml_nodes import MapNode, parse_yaml
from mlroad.fleet.ask_github import UNKNOWN, GitHub
from mlroad.fleet.find_repos import Place
from mlroad.registry.base import CHAMPION
from mlroad.registry.branch_git import BRANCH, KEPT
from mlroad.registry.history import history
from mlroad.registry.local_registry import DATABASE, LocalRegistry
from mlroad.steps.contract import contract_version

_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=20"),
    "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
    "GIT_HTTP_LOW_SPEED_TIME": "30",
}
"""git asks nothing, because several repos are read at a time, and gives up on a server that sends nothing."""


CLONE_SECONDS = 600
"""How long a clone without the contents of files may take."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a repo."""

    name: str
    champion: int | None = None
    promoted: str = ""
    """The day on which this version became the champion."""


@dataclass(slots=True)
class Row:
    """What is known of a repo."""

    name: str
    place: str
    """Its folder or address."""
    kind: str = ""
    """prototype or factory; empty if it is not known to come from a template."""
    template: str = ""
    version: str = ""
    newest: str = ""
    """The newest version of its template; empty if that is unknown."""
    behind: int | None = None
    """How many releases are newer; None if that is unknown, or if newer commits are no releases."""
    drift: int | None = None
    """How many standard files differ from what was delivered; None if it was not asked."""
    updated: str = ""
    """The day of the last update."""
    ci: str = UNKNOWN
    contract: int | None = None
    """The oldest version of the step contract in its models."""
    registry: str = ""
    """Where a factory registers models. Champions are read from a local registry only."""
    models: list[Model] = field(default_factory=list)
    server: str = ""
    """``host/owner/name`` of its remote origin."""
    problem: str = ""
    """Why something could not be read."""

    def fail(self, error: Exception) -> None:
        """Note why something could not be read; the first reason stays."""
        text = str(error).strip() or type(error).__name__
        self.problem = self.problem or without_login(text.splitlines()[0])

    @property
    def is_behind(self) -> bool:
        return bool(self.newest) and self.behind != 0


class NotFromTemplate(UserError):
    """The repo was not made from a template."""


class Templates:
    """The versions of templates. Each template is asked once, however many repos come from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, str] | UserError] = {}

    def age(self, template: str, version: str) -> Age:
        """How old a version is. Raises UserError if the template cannot be reached."""
        with self._lock:
            if template not in self._known:
                try:
                    self._known[template] = versions_of(template, _QUIET)
                except UserError as error:
                    self._known[template] = error
        found = self._known[template]
        if isinstance(found, UserError):
            raise found
        return age_among(found, version)


class Reader:
    """Reads repos, several at a time."""

    def __init__(self, github: GitHub, *, drift: bool = False) -> None:
        self._github = github
        self._templates = Templates()
        self._drift = drift
        self._renders = threading.Semaphore(os.cpu_count() or 1)

    def row(self, place: Place) -> Row | None:
        """The row of a repo, with the reason if it is broken; None if it is to be left out."""
        row = Row(place.name, place.shown)
        try:
            with self._opened(place) as folder:
                self._read(folder, row)
        except NotFromTemplate as error:
            if place.found:
                return None
            row.problem = str(error)
        except Exception as error:  # whatever is broken in a repo must not hide the other repos
            row.fail(error)
        row.template = without_login(row.template)
        return row

    @contextmanager
    def _opened(self, place: Place) -> Iterator[Path]:
        """The clone, or a new one without the contents of files, which git fetches when they are read."""
        if folder := place.folder:
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="mlroad-fleet-", ignore_cleanup_errors=True) as temporary:
            options = ["--quiet", "--filter=blob:none", *([] if self._drift else ["--no-checkout"])]
            if self._github.is_signed_in:  # kept in the clone's settings, for what is fetched later
                options += ["--config", "credential.helper=!gh auth git-credential"]
            clone = ("clone", *options, "--", place.address, temporary)
            cloned = run_git(Path(), *clone, environment=_QUIET, seconds=CLONE_SECONDS)
            if not cloned.ok:
                raise UserError(f"It cannot be cloned: {cloned.first_reason}.")
            yield Path(temporary)

    def _read(self, folder: Path, row: Row) -> None:
        # Otherwise git would take the repo around a folder whose .git is broken.
        environment = {**_QUIET, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
        wanted = ("ls-tree", "-r", "-z", "HEAD", "--", ANSWERS, FACTORY, "models")
        listed = run_git(folder, *wanted, environment=environment)
        if not listed.ok:
            raise UserError(f"git cannot read it: {listed.first_reason}.")
        files = {entry.path: entry.name for entry in tree_entries(listed)}
        if ANSWERS not in files:
            raise NotFromTemplate(f"It was not made from the template: it has no {ANSWERS}.")
        origin = run_git(folder, "remote", "get-url", "origin")
        row.server = on_server(origin.text) if origin.ok else ""
        row.kind = "factory" if FACTORY in files else "prototype"
        row.models = [Model(name) for name in sorted(_models(files))]
        for read in (_read_files, self._ask_github, _read_history, self._compare):
            try:
                read(folder, files, row)
            except Exception as error:  # one part that is broken must not hide the others
                row.fail(error)

    def _ask_github(self, _folder: Path, _files: dict[str, str], row: Row) -> None:
        row.ci = self._github.ci(row.server)

    def _compare(self, folder: Path, _files: dict[str, str], row: Row) -> None:
        """With the newest version of the template, and with what its own version delivers."""
        if not row.template:
            return
        age = self._templates.age(row.template, row.version)
        row.newest, row.behind = age.newest, age.behind
        if self._drift:
            with self._renders, delivered(folder) as standards:
                row.drift = len(standards.differences())


def _read_files(folder: Path, files: dict[str, str], row: Row) -> None:
    steps = [path for path in files if re.fullmatch(r"models/[^/]+/steps/step_io\.py", path)]
    names = [ANSWERS, *([FACTORY] if FACTORY in files else []), *steps]
    blobs = read_blobs(folder, (files[name] for name in names))
    texts = {name: data.decode("utf-8", "replace") for name, data in zip(names, blobs, strict=True)}
    origin = origin_in(texts[ANSWERS])
    local = folder / origin.address
    row.template = str(local.resolve()) if local.is_dir() else origin.address
    row.version = origin.version
    row.contract = min((contract_version(texts[name]) for name in steps), default=None)
    if FACTORY in files:
        row.registry = _registry(texts[FACTORY])
        champions = _champions(folder) if row.registry == "local" else {}
        known = {model.name: model for model in row.models} | champions
        row.models = [known[name] for name in sorted(known)]


def _registry(text: str) -> str:
    """Where a factory registers models. Other keys are not checked: the file may be of any version."""
    node, problems = parse_yaml(text, Path(FACTORY))
    if not isinstance(node, MapNode):
        raise UserError(problems or f"{FACTORY} is not a mapping.")
    return node.text("registry") or "local"


def _models(files: dict[str, str]) -> set[str]:
    """The models among the files of a repo; the same rule as `mlroad.core.repo.is_model`."""
    paths = [PurePosixPath(path).parts for path in files if path.startswith("models/")]
    return {
        parts[1]
        for parts in paths
        if not parts[1].startswith(".")
        and (parts[2:] == ("pipeline.yml",) or (len(parts) > 3 and parts[2] == "steps"))
    }


def _read_history(folder: Path, _files: dict[str, str], row: Row) -> None:
    """The day of the commit that last changed the answers; a shallow clone may not have it."""
    found = run_git(folder, "log", "-1", "--format=%cs %P", "HEAD", "--", ANSWERS, check=True).text
    day, _, parents = found.partition(" ")
    if parents or run_git(folder, "rev-parse", "--is-shallow-repository").text != "true":
        row.updated = day


def _champions(folder: Path) -> dict[str, Model]:
    """The models with versions in the newest copy of the registry's branch that the clone has."""
    refs = (f"refs/remotes/origin/{BRANCH}", KEPT, f"refs/heads/{BRANCH}")
    options = ("--sort=-committerdate", "--count=1", "--format=%(objectname)")
    commit = run_git(folder, "for-each-ref", *options, *refs, check=True).text
    if not commit:
        return {}
    with tempfile.TemporaryDirectory(prefix="mlroad-fleet-") as temporary:
        database = run_git(folder, "show", f"{commit}:{DATABASE}", check=True).data
        (Path(temporary) / DATABASE).write_bytes(database)
        registry = LocalRegistry(Path(temporary))
        found = {}
        for name in registry.models():
            version = registry.by_alias(name, CHAMPION)
            notes = history(version) if version else []
            promoted = str(notes[-1]["at"])[:10] if notes else ""
            found[name] = Model(name, version.number if version else None, promoted)
        return found
