"""The registry of an MLflow tracking server: `registry: mlflow` in factory.yml.

For teams that have such a server, and for models that are too large for a git branch. A version is one of
a registered model, with its lineage in the tags. Its content is the artifacts of a run in the experiment
`mlroad-registry`: complete before the version exists, and never changed. MLflow's own variables, such as
MLFLOW_TRACKING_TOKEN, hold the credentials.

Versions that other programs registered under the name (without the tag ``lineage_id``) are ignored. So are
those of a run that has one already: of two machines at once, or of a request that was repeated because its
answer was lost.
"""

import errno
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from mlroad.core.digests import files_below
from mlroad.core.files import remove
from mlroad.core.git_addresses import without_login
from mlroad.core.problems import UserError
from mlroad.core.text import cut
from mlroad.registry.base import Version
from mlroad.registry.content_cache import ContentCache
from mlroad.registry.lazy_lineage import LazyLineage
from mlroad.registry.version_lineage import tags_of

_EXPERIMENT, _CONTENT, _RUN = "mlroad-registry", "content", "content_run"
_PAGE = 1000
_SECONDS = 15
_QUICKLY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
"""MLflow itself repeats each request for minutes."""
_LONGEST = 300
"""Characters of a reason."""


class MlflowRegistry:
    """See `mlroad.registry.base.Registry`. Every method raises UserError if the server refuses or fails."""

    def __init__(self, address: str, cache: Path) -> None:
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        for name, value in _QUICKLY.items():
            os.environ.setdefault(name, value)
        self._address = address
        self._client = MlflowClient(tracking_uri=address, registry_uri=address)
        self._cache = ContentCache(cache, self._fetch)
        self._reached = False

    def models(self) -> list[str]:
        with self._asking("list the models"):
            names = [its.name for its in _all_pages(self._client.search_registered_models)]
        return sorted(name for name in names if self.versions(name))

    def versions(self, model: str) -> list[Version]:
        with self._asking(f"list the versions of {model}"):
            quoted = model.replace("'", "")
            found = _all_pages(self._client.search_model_versions, filter_string=f"name='{quoted}'")
            aliases = self._aliases(model) if found else {}
            every = [self._as_version(its, aliases) for its in found if "lineage_id" in its.tags]
        first: dict[str, Version] = {}
        for version in sorted(every, key=lambda its: its.number):
            first.setdefault(version.tags["lineage_id"], version)
        return list(first.values())

    def version(self, model: str, number: int) -> Version:
        versions = self.versions(model)
        for version in versions:
            if version.number == number:
                return version
        known = ", ".join(str(version.number) for version in versions[-10:])
        raise UserError(f"There is no {model}:{number}.", f"{model} has the versions: {known or 'none'}.")

    def by_alias(self, model: str, alias: str) -> Version | None:
        return next((version for version in self.versions(model) if alias in version.aliases), None)

    def model_path(self, version: Version, stage: str) -> Path | None:
        return self._cache.model(version.model, version.number, version.tags, stage)

    def add(self, model: str, lineage: Mapping[str, Any], folder: Path) -> Version:
        """See `Registry`. The files are uploaded first, so that no version is without them."""
        found = self._by_id(model, lineage["id"])
        if found is None:
            tags = tags_of(lineage, folder)
            with self._asking(f"register a version of {model}"):
                run = self._upload(model, folder)
                self._create_model(model)
                made = self._client.create_model_version(
                    model,
                    f"runs:/{run}/{_CONTENT}/model",
                    run_id=run,
                    tags={**tags, _RUN: run, "content": f"runs:/{run}/{_CONTENT}/"},
                    description=(lineage.get("verdict") or {}).get("headline"),
                    await_creation_for=0,
                )
            found = self._by_id(model, lineage["id"])
            if found is None:
                where = without_login(f"The MLflow server {self._address}")
                raise UserError(f"{where} did not register the version of {model}.", "Check the address.")
            if int(made.version) != found.number:  # of two machines, or of a repeated request
                with self._asking(f"remove the needless {model}:{made.version}"):
                    self._client.delete_model_version(model, str(made.version))
        remove(folder)
        return found

    def set_alias(self, version: Version, alias: str, *, forward: bool = False) -> None:
        self.version(version.model, version.number)
        has = self.by_alias(version.model, alias)
        if has and (has.number == version.number or (forward and has.number > version.number)):
            return
        with self._asking(f"move the alias {alias}"):
            self._client.set_registered_model_alias(version.model, alias, str(version.number))

    def set_tags(self, version: Version, tags: Mapping[str, str]) -> None:
        with self._asking(f"write the tags of {version.name}"):
            for name, value in tags.items():
                self._client.set_model_version_tag(version.model, str(version.number), name, value)

    def remove(self, version: Version) -> None:
        now = self.version(version.model, version.number)
        if now.aliases:
            raise UserError(
                f"{now.name} is {', '.join(now.aliases)}.", "Move the alias to another version first."
            )
        with self._asking(f"remove {now.name}"):
            self._client.delete_model_version(now.model, str(now.number))
            self._client.delete_run(now.tags[_RUN])
        self._cache.delete(now.model, now.number)

    def _upload(self, model: str, folder: Path) -> str:
        experiment = self._client.get_experiment_by_name(_EXPERIMENT)
        its = experiment.experiment_id if experiment else self._client.create_experiment(_EXPERIMENT)
        run = str(self._client.create_run(its, run_name=model).info.run_id)
        self._client.log_artifacts(run, str(folder), _CONTENT)
        self._check_uploaded(run, folder)
        self._client.set_terminated(run)
        return run

    def _check_uploaded(self, run: str, folder: Path) -> None:
        """Raise OSError if the server has not each file: what is between may have answered in its place."""
        missing = {
            f"{_CONTENT}/{name}": Path(entry.path).stat().st_size for name, entry in files_below(folder)
        }
        below = [_CONTENT]
        while below:
            for its in self._client.list_artifacts(run, below.pop()):
                if its.is_dir:
                    below.append(its.path)
                elif its.file_size in (None, missing.get(its.path)):
                    missing.pop(its.path, None)
        if missing:
            raise OSError(f"it did not keep {min(missing)}")

    def _create_model(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _by_id(self, model: str, lineage_id: str) -> Version | None:
        return next((its for its in self.versions(model) if its.tags.get("lineage_id") == lineage_id), None)

    def _aliases(self, model: str) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for alias, number in sorted(self._client.get_registered_model(model).aliases.items()):
            found.setdefault(int(number), []).append(alias)
        return found

    def _as_version(self, its: Any, aliases: Mapping[int, list[str]]) -> Version:
        number, tags = int(its.version), dict(its.tags)
        lineage = LazyLineage(lambda: self._cache.lineage(its.name, number, tags))
        when = datetime.fromtimestamp(its.creation_timestamp / 1000, UTC)
        return Version(its.name, number, tuple(aliases.get(number, ())), when, tags, lineage)

    def _fetch(self, tags: Mapping[str, str], path: str, folder: Path) -> Path:
        with self._asking(f"fetch {path} of run {tags[_RUN]}"):
            return Path(self._client.download_artifacts(tags[_RUN], f"{_CONTENT}/{path}", str(folder)))

    def _reach(self) -> None:
        """Ask once whether there is a server. MLflow itself repeats requests for minutes. Raises OSError."""
        if not self._reached and self._address.startswith("http"):
            # Any answer will do: who may ask for what is another question.
            try:
                requests.head(self._address, timeout=_SECONDS, allow_redirects=False)
            except requests.RequestException as error:
                raise OSError(f"it does not answer ({type(error).__name__})") from None
        self._reached = True

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        fix = "Check the address in factory.yml, and MLFLOW_TRACKING_TOKEN or MLFLOW_TRACKING_USERNAME."
        try:
            self._reach()
            yield
        except UserError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                what, fix = f"{what}, because this machine's disk is full", "Free some disk space."
            elif not isinstance(error, (MlflowException, OSError)):
                what = f"{what}, because it does not answer like one ({type(error).__name__})"
            lines = str(getattr(error, "message", error)).strip().splitlines()
            reason = cut(lines[0].rstrip("."), _LONGEST) if lines else type(error).__name__
            raise UserError(
                without_login(f"The MLflow server {self._address} could not {what}: {reason}."), fix
            ) from None


def _all_pages(search: Any, **options: Any) -> list[Any]:
    found, token = [], None
    while True:
        page = search(max_results=_PAGE, page_token=token, **options)
        found += page
        token = page.token
        if not token:
            return found
