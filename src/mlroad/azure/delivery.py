"""`mlroad dataset register NAME --from-etl SOURCE`: add new data from a job.

The data is checked first; if a check fails, nothing is created. Then the next version file is created, the
data is registered in Azure ML if a workspace is configured, and the text of a pull request is written. All of
this can be repeated: the same content never creates a second version, here or in Azure. So an interrupted or
daily job can simply run again.

Code: MD607 large data that would exist only on this machine.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlroad.azure.data_assets import DataAssets, RegisteredAsset
from mlroad.azure.fetch_data import fetch_to, fetch_version
from mlroad.azure.register_data import registered_text
from mlroad.azure.storage import parse_address
from mlroad.azure.workspace import find_workspace
from mlroad.core.digests import digest_content
from mlroad.core.hash_cache import HashCache
from mlroad.core.problems import Problem, UserError
from mlroad.data.add import created_text
from mlroad.data.create_version import (
    SMALL,
    CreatedVersion,
    VersionDraft,
    confirm_stored,
    create_version,
    keep_out_of_git,
)
from mlroad.data.delivery_check import DeliveryCheck, check_delivery
from mlroad.data.delivery_limits import ACCEPTED, KINDS, Exceeded, references
from mlroad.data.diff_findings import findings
from mlroad.data.store import DATASETS, LARGE, VerifiedVersion, local_path, require_verified, version_files
from mlroad.data.version import DatasetVersion, check_name, load_version


@dataclass(frozen=True, slots=True)
class Delivery:
    """New data from a job. ``source`` is a path or an azureml:// address (a folder if it ends with /)."""

    name: str
    source: str
    stage: str | None = None
    """None: that of the newest version, or dev for the first one."""
    description: str = ""
    max_loss: float | None = None
    """The largest acceptable loss of rows, as a share. None: that of the schema."""
    accept: tuple[str, ...] = ()
    """The limits that this delivery may exceed: loss, growth, repeated, drift."""
    local: bool = False
    """Do not register in Azure ML, even if a workspace is configured."""

    def accepts(self, found: Exceeded) -> bool:
        """Whether the person who delivers allows the data to exceed this limit."""
        allowed = self.max_loss is not None and found.kind == "loss" and found.share <= self.max_loss
        return allowed or found.kind in self.accept


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """The result: problems and no version, or a version, which may have existed before."""

    problems: tuple[Problem, ...] = ()
    """What is wrong with the data, or else the limits that it exceeds."""
    created: CreatedVersion | None = None
    previous: VerifiedVersion | None = None
    checked: DeliveryCheck | None = None
    registered: RegisteredAsset | None = None
    lines: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 accepted, 1 the data is wrong, 3 it is not wrong, but differs more than the limits allow."""
        if not self.problems:
            return 0
        return 3 if self.checked and not self.checked.problems else 1


def deliver(root: Path, delivery: Delivery) -> DeliveryResult:
    """Check the data, create a version, register it. Raises UserError for wrong arguments, and AzureError."""
    check_name(delivery.name)
    if delivery.max_loss is not None and not 0 <= delivery.max_loss < 1:
        raise UserError(f"--max-loss {delivery.max_loss} is not a share.", "Use a value from 0 to 0.99.")
    assets = None if delivery.local else _assets(root)
    with _data(root, delivery) as data:
        versions = [load_version(file) for file in version_files(root, delivery.name)]
        stage = delivery.stage or (versions[-1].stage if versions else "dev")
        with HashCache(root) as cache:
            digest = digest_content(data, cache).digest
        same = [version for version in versions if (version.digest, version.stage) == (digest, stage)]
        if same:
            confirm_stored(root, same[-1], data, move="://" in delivery.source)
            return _registered(root, assets, DeliveryResult(created=CreatedVersion(same[-1], is_new=False)))
        previous = _previous(root, versions, stage, assets)
        earlier = references([version for version in versions if version.stage == stage])
        checked = _check(root, delivery, data, previous, earlier)
        refused = checked.problems or tuple(
            found.problem for found in checked.exceeded if not delivery.accepts(found)
        )
        if refused:
            return DeliveryResult(refused, None, previous, checked)
        number = assets.number_for(delivery.name, digest, stage) if assets else 1
        if not assets:
            _check_size(delivery, data)
        created = create_version(root, _draft(delivery, data, stage, number, checked))
    return _registered(root, assets, DeliveryResult((), created, previous, checked))


def _assets(root: Path) -> DataAssets | None:
    """The data assets of the workspace, or None if no workspace is configured."""
    workspace = find_workspace(root)
    return DataAssets(root, workspace) if workspace else None


@contextmanager
def _data(root: Path, delivery: Delivery) -> Iterator[Path]:
    """The delivered data on this machine; a download is deleted afterwards."""
    if "://" not in delivery.source:
        if not delivery.source or not Path(delivery.source).exists():
            raise UserError(f"{delivery.source or '--from-etl'} does not exist.", "Name a file or folder.")
        yield Path(delivery.source)
        return
    address = parse_address(root, delivery.source)
    place = root / LARGE / delivery.name
    place.mkdir(parents=True, exist_ok=True)
    keep_out_of_git(root / LARGE)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=place))
    try:
        is_file = not delivery.source.endswith("/")
        yield fetch_to(address, is_file, folder, PurePosixPath(address.path).name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _previous(
    root: Path, versions: list[DatasetVersion], stage: str, assets: DataAssets | None
) -> VerifiedVersion | None:
    """The newest version of the stage, or else of any stage, with its data, which is fetched if missing."""
    chosen = [version for version in versions if version.stage == stage] or versions
    if not chosen:
        return None
    if assets and not local_path(root, chosen[-1]).exists():
        fetch_version(root, chosen[-1])
    return require_verified(root, chosen[-1])


def _check(
    root: Path,
    delivery: Delivery,
    data: Path,
    previous: VerifiedVersion | None,
    earlier: Sequence[DatasetVersion],
) -> DeliveryCheck:
    """Check the data. Data that cannot be read is rejected like data that violates the schema."""
    try:
        return check_delivery(root, delivery.name, data, previous, earlier, delivery.max_loss)
    except UserError as error:
        if not error.problems:
            raise
        return DeliveryCheck(error.problems, None, None, None)


def _check_size(delivery: Delivery, data: Path) -> None:
    """Without Azure ML, large data would exist only on this machine."""
    if "://" in delivery.source or delivery.local or _size(data) <= SMALL:
        return
    what = f"MD607: {delivery.source} is too large for git, and no Azure ML workspace is configured."
    fix = "Configure a workspace (`mlroad help how-to/azure-datasets`), or keep the data here with --local."
    raise UserError(what, fix)


def _draft(delivery: Delivery, data: Path, stage: str, number: int, checked: DeliveryCheck) -> VersionDraft:
    is_remote = "://" in delivery.source
    accepted = [kind for kind in KINDS if kind in {found.kind for found in checked.exceeded}]
    return VersionDraft(
        name=delivery.name,
        source=data,
        stage=stage,
        description=delivery.description,
        tags={ACCEPTED: ", ".join(accepted)} if accepted else {},
        address=delivery.source if is_remote else "",
        first=number,
        move=is_remote,
    )


def _size(data: Path) -> int:
    files = [data] if data.is_file() else [file for file in data.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _registered(root: Path, assets: DataAssets | None, delivered: DeliveryResult) -> DeliveryResult:
    created = delivered.created
    assert created
    lines = [created_text(root, created)]
    registered = None
    if assets:
        registered = assets.register(created.version)
        lines.append(registered_text(created.version, registered))
    else:
        lines.append("Not registered in Azure ML: no workspace is configured, or --local was used.")
    return replace(delivered, registered=registered, lines=tuple(lines))


def pipelines_using(root: Path, version: DatasetVersion) -> list[str]:
    """The pipelines (paths from the root) that use a version."""
    reference = re.compile(rf"azureml:{re.escape(version.id)}(?![\w.-])")
    return [
        file.relative_to(root).as_posix()
        for file in sorted((root / "models").glob("*/*.y*ml"))
        if reference.search(file.read_text(encoding="utf-8", errors="replace"))
    ]


def outcome_record(delivered: DeliveryResult) -> dict[str, object]:
    """The result for other programs (``--outcome``)."""
    version, checked = delivered.created.version if delivered.created else None, delivered.checked
    return {
        "accepted": not delivered.problems,
        "problems": [str(problem) for problem in delivered.problems],
        "exceeded": [found.kind for found in checked.exceeded] if checked else [],
        "findings": [
            {"level": ("note", "check", "important")[found.level], "column": found.column, "text": found.text}
            for found in (findings(checked.diff) if checked and checked.diff else ())
        ],
        "compared_with": delivered.previous.version.id if delivered.previous else None,
        "rows": checked.rows if checked else version.rows if version else None,
        "dataset": version.id if version else None,
        "name": version.name if version else None,
        "version": version.version if version else None,
        "new": bool(delivered.created and delivered.created.is_new),
        "file": version.file.as_posix() if version else None,
        "digest": version.digest if version else None,
        "folder": f"{DATASETS}/{version.name}" if version else None,
        "registered": delivered.registered.id if delivered.registered else None,
        "url": delivered.registered.url if delivered.registered else None,
    }
