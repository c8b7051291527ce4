"""The local registry: MLflow's, in one SQLite file, with the content of the versions beside it.

.registry/
    mlflow.db                     names, numbers, tags and aliases, written by MLflow
    models/<model>/<id>/          a version's content; <id> is the start of its lineage id
        lineage.json verdict.json model/ dev/model/ dev/verdict.json onnx export/ inference.json …
        model/lineage.json dev/model/lineage.json: copies, for people who take a model
    .staged/                      content that is being written
    .lock                         held during a write
    .changed                      something was not pushed yet; see branch.py

A version is written in this order: its content in .staged, which is then moved into place; its entry with
all tags in one transaction; its alias. So a kill leaves at worst content without an entry: no command shows
it, a rerun replaces it, and `mlroad clean` deletes it. Reading uses SQL only, because importing MLflow takes
too long.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlroad.core.files import read_json, unwritable
from mlroad.core.files import remove as remove_folder
from mlroad.core.locks import locked
from mlroad.core.problems import UserError
from mlroad.registry.base import Version
from mlroad.registry.lazy_lineage import LazyLineage
from mlroad.registry.registered_model import LINEAGE, is_registered

FOLDER = ".registry"
VARIABLE = "MLROAD_REGISTRY"
"""The variable that names another folder for the registry."""
DATABASE = "mlflow.db"
MODELS = "models"
STAGED = ".staged"
CHANGED = ".changed"
BRANCH_STATE = ".branch"
"""What branch.py knows of the branch. With it, a missing database is not an empty registry."""
_ID = 16
_DELETED = "Deleted_Internal"
_RESTORE = "Fetch it from the branch `registry`: `mlroad registry pull --discard`."


class LocalRegistry:
    """A registry in a folder. Several processes may use it; one at a time writes."""

    def __init__(self, folder: Path, *, changes: str = "local") -> None:
        """``changes`` is written into .changed by each write, until it is pushed."""
        self.folder = folder
        self._changes = changes

    @classmethod
    def of(cls, root: Path) -> LocalRegistry:
        """The registry of the repo at ``root``."""
        return cls(registry_folder(root))

    @property
    def database(self) -> Path:
        """MLflow's SQLite file."""
        return self.folder / DATABASE

    def models(self) -> list[str]:
        rows = self._ask("SELECT DISTINCT name FROM model_versions WHERE current_stage != ?", _DELETED)
        return sorted(name for (name,) in rows)

    def versions(self, model: str) -> list[Version]:
        return self._versions(model)

    def version(self, model: str, number: int) -> Version:
        if found := self._versions(model, number):
            return found[0]
        numbers = [str(version.number) for version in self._versions(model)]
        if numbers:
            what = f"{model} has the versions {', '.join(numbers[-10:])}."
        else:
            what = f"Registered models: {', '.join(self.models()) or 'none'}."
        raise UserError(f"There is no {model}:{number}.", what)

    def by_alias(self, model: str, alias: str) -> Version | None:
        sql = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        for (number,) in self._ask(sql, model, alias):
            found = self._versions(model, number)
            return found[0] if found else None
        return None

    def model_path(self, version: Version, stage: str) -> Path | None:
        content = self.content(version)
        path = content / "model" if stage == "prod" else content / stage / "model"
        return path if path.is_dir() else None

    def content(self, version: Version) -> Path:
        """The folder of a version."""
        return self._place(version.model, version.tags.get("lineage_id", "unknown"))

    def add(self, model: str, lineage: Mapping[str, Any], folder: Path) -> Version:
        from mlroad.registry.version_lineage import tags_of

        with self._writing() as client:
            known = self._by_id(model, lineage["id"])
            if known is not None:
                remove_folder(folder)
                return known
            self._note_change()
            tags = tags_of(lineage, folder)
            self._move(folder, self._place(model, lineage["id"]))
            if not self._ask("SELECT 1 FROM registered_models WHERE name = ?", model):
                client.create_registered_model(model)
            made = client.create_model_version(
                model,
                f"{MODELS}/{model}/{lineage['id'][:_ID]}",  # relative: the registry moves between machines
                run_id=lineage["run"],
                tags=tags,
                await_creation_for=0,
            )
        return self.version(model, int(made.version))

    def set_alias(self, version: Version, alias: str, *, forward: bool = False) -> None:
        with self._writing() as client:
            self.version(version.model, version.number)
            has = self.by_alias(version.model, alias)
            if has and (has.number == version.number or (forward and has.number > version.number)):
                return
            self._note_change()
            client.set_registered_model_alias(version.model, alias, str(version.number))

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        with self._writing() as client:
            self._note_change()
            for name, value in tags.items():
                client.set_model_version_tag(version.model, str(version.number), name, value)

    def remove(self, version: Version) -> None:
        with self._writing() as client:
            now = self.version(version.model, version.number)
            if now.aliases:
                raise UserError(
                    f"{now.name} is {', '.join(now.aliases)}.", "Move the alias to another version first."
                )
            content = self.content(now)
            self._note_change()
            client.delete_model_version(now.model, str(now.number))
            remove_folder(content)

    def orphans(self, age: timedelta) -> list[Path]:
        """Content that killed commands have left behind and that is older than ``age``."""
        used = {self.content(version) for model in self.models() for version in self.versions(model)}
        found = [*self.folder.glob(f"{MODELS}/*/*"), *self.folder.glob(f"{STAGED}/*")]
        before = (datetime.now(UTC) - age).timestamp()
        return sorted(path for path in found if path not in used and path.stat().st_mtime < before)

    def remove_orphan(self, path: Path) -> None:
        """Delete a path from `orphans`, unless a version uses it by now."""
        with self._lock():
            if path in self.orphans(timedelta(0)):
                remove_folder(path) if path.is_dir() else path.unlink()

    def _by_id(self, model: str, lineage_id: str) -> Version | None:
        for version in reversed(self._versions(model)):
            if version.tags.get("lineage_id") == lineage_id:
                return version
        return None

    def _place(self, model: str, lineage_id: str) -> Path:
        return self.folder / MODELS / model / lineage_id[:_ID]

    def _move(self, folder: Path, place: Path) -> None:
        """Move staged content into place, where a killed registration may have left content."""
        try:
            os.utime(folder)  # its age counts from now
            if place.exists():
                place.rename(new_staged(self.folder) / "replaced")
            place.parent.mkdir(parents=True, exist_ok=True)
            if folder.parent != self.folder / STAGED:
                near = new_staged(self.folder) / "copy"
                shutil.copytree(folder, near)
                remove_folder(folder)
                folder = near
            folder.rename(place)
        except OSError as error:
            what = f"{place} cannot be written: {error.strerror}."
            raise UserError(what, "Free some disk space, or check the permissions of the registry.") from None

    def _note_change(self) -> None:
        note_change(self.folder, self._changes)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with locked(self.folder / ".lock"):
            yield

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """MLflow's client, while no other process writes."""
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.WARNING)
        with self._lock():
            if not self.database.is_file():
                self._check_not_lost()
                self._create(MlflowClient)
            try:
                yield _client(MlflowClient, self.database)
            except MlflowException as error:
                raise UserError(f"MLflow cannot write {self.database}: {error.message}", "") from None

    def _create(self, client: Any) -> None:
        """Create a database, and move it into place when it is complete: MLflow needs many steps."""
        new = new_staged(self.folder) / DATABASE
        _client(client, new).search_registered_models(max_results=1)
        copy = new.with_name("copy.db")
        shutil.copyfile(new, copy)  # MLflow keeps its file open, and some systems cannot move an open file
        with closing(sqlite3.connect(copy)) as database, database:
            # The unused store of runs contains the path of the folder that it was created in.
            database.execute("UPDATE experiments SET artifact_location = 'mlruns/' || experiment_id")
        copy.replace(self.database)
        with suppress(OSError):
            shutil.rmtree(new.parent)

    def _versions(self, model: str, number: int | None = None) -> list[Version]:
        which, arguments = ("AND version = ?", (model, number)) if number is not None else ("", (model,))
        with self._open() as database:
            if database is None:
                return []
            # The inserted texts are the constants above.
            rows = database.execute(
                "SELECT version, creation_time FROM model_versions"  # noqa: S608
                f" WHERE name = ? {which} AND current_stage != '{_DELETED}' ORDER BY version",
                arguments,
            ).fetchall()
            tags: defaultdict[int, dict[str, str]] = defaultdict(dict)
            sql = f"SELECT version, key, value FROM model_version_tags WHERE name = ? {which}"  # noqa: S608
            for its, key, value in database.execute(sql, arguments):
                tags[its][key] = value
            aliases: defaultdict[int, list[str]] = defaultdict(list)
            sql = "SELECT version, alias FROM registered_model_aliases WHERE name = ? ORDER BY alias"
            for its, alias in database.execute(sql, (model,)):
                aliases[its].append(alias)
        return [self._as_version(model, its, made, tags[its], aliases[its]) for its, made in rows]

    def _as_version(
        self, model: str, number: int, created: int, tags: dict[str, str], aliases: list[str]
    ) -> Version:
        its = tags.get("lineage_id")
        file = self._place(model, its) / LINEAGE if its else None
        when = datetime.fromtimestamp(created / 1000, UTC)
        lineage = LazyLineage(lambda: _lineage(f"{model}:{number}", file, tags))
        return Version(model, number, tuple(aliases), when, tags, lineage)

    def _ask(self, sql: str, *arguments: object) -> list[Any]:
        with self._open() as database:
            return database.execute(sql, arguments).fetchall() if database else []

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """The database for reading, at one moment; None if nothing has been registered yet."""
        if not self.database.is_file():
            self._check_not_lost()
            yield None
            return
        try:
            with closing(self._connect()) as database:
                yield database
        except sqlite3.Error as error:
            raise UserError(f"{self.database} cannot be read: {error}.", _RESTORE) from None

    def _check_not_lost(self) -> None:
        """Raise UserError if the branch was pulled or pushed before: then there was a database."""
        if read_json(self.folder / BRANCH_STATE).get("commit"):
            raise UserError(f"{self.database} is missing.", _RESTORE)

    def _connect(self) -> sqlite3.Connection:
        address = self.database.resolve().as_uri()
        for mode in ("ro", "rw"):
            database = sqlite3.connect(f"{address}?mode={mode}", uri=True, timeout=30, isolation_level=None)
            try:
                database.execute("BEGIN")
                database.execute("SELECT 1 FROM registered_models LIMIT 1").fetchall()
            except sqlite3.OperationalError:
                # A writer was killed: the next reader with write access must undo its transaction.
                database.close()
                if mode == "rw":
                    raise
            else:
                return database
        raise AssertionError("not reached")


def _lineage(name: str, file: Path | None, tags: Mapping[str, str]) -> dict[str, Any]:
    """lineage.json of a version. Raises UserError if it is missing, or not what was registered."""
    if file is None:
        raise UserError(f"{name} was not registered by `mlroad register`.", "")
    try:
        read = file.read_bytes()
        content: dict[str, Any] = json.loads(read)
    except (OSError, ValueError) as error:
        raise UserError(f"The lineage of {name} cannot be read: {error}.", _RESTORE) from None
    if not is_registered(read, tags):
        what = f"The lineage of {name} is not the one that was registered: {file} has changed."
        raise UserError(what, _RESTORE)
    return content


def registry_folder(root: Path) -> Path:
    """The folder of the registry of the repo at ``root``."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else root / FOLDER


def new_staged(registry: Path) -> Path:
    """A new empty folder, from which `LocalRegistry.add` moves content into place without copying."""
    staged = registry / STAGED / secrets.token_hex(8)
    try:
        staged.mkdir(parents=True)
    except OSError as error:
        raise unwritable(staged, error) from None
    return staged


def note_change(folder: Path, by: str) -> None:
    """Note before a write that there is something to push: "local", or "publish" if only --publish wrote."""
    mark = folder / CHANGED
    if read_change(folder) in ("", by) or by == "local":
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(by, encoding="utf-8")


def read_change(folder: Path) -> str:
    """What `note_change` has written; empty if everything was pushed."""
    mark = folder / CHANGED
    return mark.read_text(encoding="utf-8").strip() or "local" if mark.is_file() else ""


def _client(client: Any, database: Path) -> Any:
    uri = f"sqlite:///{database.resolve().as_posix()}"
    return client(tracking_uri=uri, registry_uri=uri)
