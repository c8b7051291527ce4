"""`mlroad dataset split`: a training and a holdout dataset, and a holdout that stays as it is.

The first split of a dataset freezes the holdout. Splits of later versions make training data without the
holdout's rows, so models trained on any of them can be compared on the same rows.

The derivation of both sides holds ``split``: its share and salt, the columns that name a row, the side, and
for training data the holdout that was kept out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import scratch_folder
from mlroad.core.problems import UserError
from mlroad.core.text import count
from mlroad.data.create_version import CreatedVersion, VersionDraft, create_version
from mlroad.data.split_rows import SourceFormat, SplitCounts, SplitRule, source_format, split_rows
from mlroad.data.store import find_verified, version_files
from mlroad.data.version import DatasetVersion, load_version

SHARE = 0.2


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """What `split` was asked for. None takes what the frozen holdout was made with."""

    reference: str
    share: float | None = None
    key: Sequence[str] = ()
    train: str = ""
    holdout: str = ""
    renew: bool = False
    stage: str = ""
    """What both sides are for; by default what the source is for."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What came of it."""

    train: CreatedVersion
    holdout: CreatedVersion
    counts: SplitCounts
    is_frozen: bool
    source: DatasetVersion

    def text(self) -> str:
        """What people read."""
        things = "row" if self.source.rows is not None else "file"
        holdout = self.holdout.version.id
        lines = [
            f"{self.train.version.id}  {count(self.counts.train, things)}{_known(self.train)}",
            f"{holdout}  {count(self.counts.frozen or self.counts.holdout, things)}"
            + (", frozen: as it was" if self.is_frozen else f", frozen from now on{_known(self.holdout)}"),
        ]
        if self.counts.gone:
            gone = count(self.counts.gone, things)
            lines.append(f"note: {self.source.id} no longer has {gone} of {holdout}")
        return "\n".join(lines)


def split(root: Path, wish: SplitOptions) -> SplitResult:
    """Make the two versions, or the training data alone if there is a holdout.

    Raises UserError for a share or key that contradicts the frozen holdout or the data, and an empty side.
    """
    source = find_verified(root, wish.reference)
    name = source.version.name
    train_name, holdout_name = wish.train or f"{name}_train", wish.holdout or f"{name}_holdout"
    form = source_format(source.path)
    frozen = None if wish.renew else _frozen(root, holdout_name)
    if frozen:
        rule = _frozen_rule(frozen, wish)
        kept = find_verified(root, frozen.id).path
    else:
        rule, kept = _new_rule(form, name, wish), None
    with scratch_folder(root) as folder:
        train, holdout = folder / f"{train_name}{form.suffix}", folder / f"{holdout_name}{form.suffix}"
        counts = split_rows(source.path, rule, train, holdout, kept)
        _check(counts, frozen)
        about = _about(rule)
        if frozen is None:
            draft = _draft(holdout_name, holdout, source.version, {**about, "side": "holdout"}, wish.stage)
            made_holdout = create_version(root, draft)
        else:
            made_holdout = CreatedVersion(frozen, is_new=False)
        about |= {"side": "train", "holdout": made_holdout.version.id}
        made_train = create_version(root, _draft(train_name, train, source.version, about, wish.stage))
    return SplitResult(made_train, made_holdout, counts, frozen is not None, source.version)


def repeat_split(root: Path, version: DatasetVersion, folder: Path) -> Path:
    """Do again the side of a split that ``version`` is. Raises UserError as `split` does."""
    about = (version.derivation or {})["split"]
    source = find_verified(root, version.parents[0])
    rule = SplitRule(str(about["salt"]), float(about["share"]), tuple(about["identity"]))
    suffix = source_format(source.path).suffix
    train, holdout = folder / f"train{suffix}", folder / f"holdout{suffix}"
    kept = find_verified(root, about["holdout"]).path if about["side"] == "train" else None
    split_rows(source.path, rule, train, holdout, kept)
    return train if about["side"] == "train" else holdout


def _frozen(root: Path, name: str) -> DatasetVersion | None:
    files = version_files(root, name)
    if not files:
        return None
    newest = load_version(files[-1])
    if "split" not in (newest.derivation or {}):
        what = f"{newest.id} was not made by a split, so its rows need not be those of a holdout."
        raise UserError(newest.problem("MD702", what, "Choose another name: --holdout NAME."))
    return newest


def _frozen_rule(frozen: DatasetVersion, wish: SplitOptions) -> SplitRule:
    about: dict[str, Any] = (frozen.derivation or {})["split"]
    for option, asked, was in (
        ("--share", wish.share, about["share"]),
        ("--key", list(wish.key), about["identity"]),
    ):
        if asked and asked != was:
            shown = ", ".join(was) if isinstance(was, list) else was
            what = f"{frozen.id} is frozen, and was made with {option} {shown}."
            raise UserError(what, f"Leave {option} out, or freeze another holdout: --renew.")
    return SplitRule(str(about["salt"]), float(about["share"]), tuple(about["identity"]))


def _new_rule(form: SourceFormat, name: str, wish: SplitOptions) -> SplitRule:
    share = SHARE if wish.share is None else wish.share
    if not 0 < share < 1:
        raise UserError(f"--share is {share}.", "It lies between 0 and 1: 0.2 makes a fifth the holdout.")
    if wish.key and not form.columns:
        raise UserError("--key names columns, and a folder of files has none.", "Leave it out.")
    for column in wish.key:
        if column not in form.columns:
            raise UserError(f"There is no column {column}.", f"There are {', '.join(form.columns[:20])}.")
    return SplitRule(f"mlroad split {name}\n", share, tuple(wish.key) or form.columns)


def _check(counts: SplitCounts, frozen: DatasetVersion | None) -> None:
    if frozen and counts.gone == counts.frozen:
        what = (
            f"None of the rows of {frozen.id} is in this version, so nothing would be kept out of training."
        )
        raise UserError(what, "Have the names of rows changed? Freeze another holdout: --renew.")
    if not counts.train or not counts.holdout:
        what = f"The {'holdout' if counts.train else 'training data'} would be empty."
        raise UserError(what, "Choose another --share, or a --key with more values.")


def _draft(name: str, made: Path, source: DatasetVersion, about: dict[str, Any], stage: str) -> VersionDraft:
    return VersionDraft(
        name=name,
        source=made,
        stage=stage or source.stage,
        parents=(source.id,),
        derivation={"split": about},
        move=True,
    )


def _about(rule: SplitRule) -> dict[str, Any]:
    return {"share": rule.share, "salt": rule.salt, "identity": list(rule.identity)}


def _known(made: CreatedVersion) -> str:
    return "" if made.is_new else ", made before"
