"""`mlroad dataset split`: split a version into training data and a frozen holdout.

The first split of a dataset freezes the holdout. Splits of later versions create training data without the
rows of the holdout, so all models can be compared on the same rows.

The derivation of both versions has the key ``split``: share and salt, the columns that identify a row, the
column of ``stratify`` or ``by_time``, the side, and for training data the holdout that was excluded from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlroad.core.files import scratch_folder
from mlroad.core.problems import UserError
from mlroad.core.text import count, did_you_mean
from mlroad.data.create_version import (
    CreatedVersion,
    VersionDraft,
    check_new_name,
    create_version,
    discard_version,
)
from mlroad.data.split_choice import SplitRule
from mlroad.data.split_rows import SourceFormat, SplitCounts, source_format, split_rows
from mlroad.data.store import find_verified, version_files
from mlroad.data.version import DatasetVersion, load_version

SHARE = 0.2
_TIMES = ("date", "datetime", "time", "integer", "number")


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """The options of `split_version`. Empty values default to those of the frozen holdout."""

    reference: str
    share: float | None = None
    key: Sequence[str] = ()
    stratify: str = ""
    by_time: str = ""
    train: str = ""
    holdout: str = ""
    renew: bool = False
    stage: str = ""
    """The stage of both versions (default: that of the source)."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The two versions and their counts."""

    train: CreatedVersion
    holdout: CreatedVersion
    counts: SplitCounts
    is_frozen: bool
    source: DatasetVersion

    def text(self) -> str:
        """The counts in words."""
        things = "row" if self.source.rows is not None else "file"
        holdout = self.holdout.version.id
        kept = self.counts.frozen if self.is_frozen else self.counts.holdout
        lines = [
            f"{self.train.version.id}  {count(self.counts.train, things)}{_existed(self.train)}",
            f"{holdout}  {count(kept, things)}"
            + (", frozen: unchanged" if self.is_frozen else f", frozen from now on{_existed(self.holdout)}"),
        ]
        if self.counts.gone:
            gone = count(self.counts.gone, things)
            lines.append(f"note: {self.source.id} no longer has {gone} of {holdout}")
        return "\n".join(lines)


def split_version(root: Path, options: SplitOptions) -> SplitResult:
    """Create the two versions, or only the training data if a holdout exists.

    If one of them cannot be created, neither is. Raises UserError for options that contradict the frozen
    holdout or the data, for names that the sides cannot have, and if a side is empty.
    """
    source = find_verified(root, options.reference)
    name = source.version.name
    train_name, holdout_name = options.train or f"{name}_train", options.holdout or f"{name}_holdout"
    _check_names(root, name, train_name, holdout_name)
    form = source_format(source)
    frozen = None if options.renew else _frozen(root, holdout_name)
    if frozen:
        rule = _frozen_rule(frozen, options)
        kept = find_verified(root, frozen.id)
    else:
        rule, kept = _new_rule(form, name, options), None
    with scratch_folder(root) as folder:
        train, holdout = folder / f"{train_name}{form.name}", folder / f"{holdout_name}{form.name}"
        counts = split_rows(source, rule, train, holdout, kept)
        _check(counts, frozen)
        about = rule.as_tag()
        if form.is_mltable:
            train, holdout = train.parent, holdout.parent
        if frozen is None:
            draft = _draft(holdout_name, holdout, source.version, {**about, "side": "holdout"}, options.stage)
            made_holdout = create_version(root, draft)
        else:
            made_holdout = CreatedVersion(frozen, is_new=False)
        about |= {"side": "train", "holdout": made_holdout.version.id}
        try:
            made_train = create_version(root, _draft(train_name, train, source.version, about, options.stage))
        except BaseException:
            if made_holdout.is_new:
                discard_version(root, made_holdout.version)
            raise
    return SplitResult(made_train, made_holdout, counts, frozen is not None, source.version)


def repeat_split(root: Path, version: DatasetVersion, folder: Path) -> Path:
    """Create again the data of ``version``, one side of a split. Raises UserError."""
    about = (version.derivation or {})["split"]
    source = find_verified(root, version.parents[0])
    form = source_format(source)
    train, holdout = folder / f"train{form.name}", folder / f"holdout{form.name}"
    kept = find_verified(root, about["holdout"]) if about["side"] == "train" else None
    split_rows(source, SplitRule.from_tag(about), train, holdout, kept)
    made = train if about["side"] == "train" else holdout
    return made.parent if form.is_mltable else made


def _check_names(root: Path, source: str, train: str, holdout: str) -> None:
    """Raise UserError for names that the sides cannot have: the next split would take one for the other."""
    if train.lower() == holdout.lower():
        what = f"The training data ({train}) and the holdout ({holdout}) would be one dataset."
        raise UserError(what, "Choose names that differ in more than capitals: --train NAME, --holdout NAME.")
    for side, name in (("train", train), ("holdout", holdout)):
        check_new_name(root, name)
        fix = f"Choose another name: --{side} NAME."
        if name == source:
            raise UserError(f"--{side} is {name}, the dataset that is split.", fix)
        newest = _newest(root, name)
        if newest and _split_of(newest).get("side", side) != side:
            raise UserError(newest.problem("MD702", f"{newest.id} is the other side of a split.", fix))


def _newest(root: Path, name: str) -> DatasetVersion | None:
    files = version_files(root, name)
    return load_version(files[-1]) if files else None


def _split_of(version: DatasetVersion) -> dict[str, Any]:
    about: dict[str, Any] = (version.derivation or {}).get("split", {})
    return about


def _frozen(root: Path, name: str) -> DatasetVersion | None:
    newest = _newest(root, name)
    if newest is None:
        return None
    if not _split_of(newest):
        what = f"{newest.id} was not created by a split, so it cannot be used as the holdout."
        raise UserError(newest.problem("MD702", what, "Choose another name: --holdout NAME."))
    return newest


def _frozen_rule(frozen: DatasetVersion, options: SplitOptions) -> SplitRule:
    about: dict[str, Any] = (frozen.derivation or {})["split"]
    for option, asked, was in (
        ("--share", options.share, about["share"]),
        ("--key", list(options.key), about["identity"]),
        ("--stratify", options.stratify, about.get("stratify", "")),
        ("--by-time", options.by_time, about.get("by_time", "")),
    ):
        if asked not in (None, "", [], was):
            shown = ", ".join(was) if isinstance(was, list) else was
            how = f"with {option} {shown}" if shown else f"without {option}"
            what = f"{frozen.id} is frozen and was created {how}."
            raise UserError(what, f"Leave {option} out, or freeze a new holdout: --renew.")
    return SplitRule.from_tag(about)


def _new_rule(form: SourceFormat, name: str, options: SplitOptions) -> SplitRule:
    share = SHARE if options.share is None else options.share
    if not 0 < share < 1:
        raise UserError(
            f"--share is {share}.",
            "Use a value between 0 and 1: with 0.2, a fifth of the rows is the holdout.",
        )
    if options.key and not form.columns:
        raise UserError("--key names columns, but a folder of files has none.", "Leave the option out.")
    if options.stratify and options.by_time:
        what = "--stratify and --by-time cannot be combined: the newest rows have the classes that they have."
        raise UserError(what, "Leave one of them out.")
    known = list(form.columns) if form.columns else ["folder", "suffix"]
    for column in (*options.key, options.stratify, options.by_time):
        if column and column not in known:
            fix = did_you_mean(column, known, f"The columns are {', '.join(known[:20])}.")
            raise UserError(f"There is no column {column}.", fix)
    if options.by_time and form.columns.get(options.by_time) not in _TIMES:
        kind = form.columns.get(options.by_time, "string")
        what = f"The column {options.by_time} is a {kind}, so its rows have no order in time."
        raise UserError(what, "Name a column with dates, times or numbers.")
    identity = tuple(options.key) or tuple(form.columns)
    return SplitRule(f"mlroad split {name}\n", share, identity, options.stratify, options.by_time)


def _check(counts: SplitCounts, frozen: DatasetVersion | None) -> None:
    if frozen and counts.gone == counts.frozen:
        what = (
            f"This version has none of the rows of {frozen.id}, so nothing would be excluded from training."
        )
        raise UserError(what, "If the key values have changed, freeze a new holdout: --renew.")
    if not counts.train or not counts.holdout:
        what = f"The {'holdout' if counts.train else 'training data'} would be empty."
        raise UserError(what, "Choose a different --share, or a --key with more values.")


def _draft(name: str, data: Path, source: DatasetVersion, about: dict[str, Any], stage: str) -> VersionDraft:
    return VersionDraft(
        name=name,
        source=data,
        stage=stage or source.stage,
        parents=(source.id,),
        derivation={"split": about},
        # Both sides are written in UTF-8, with the source's delimiter and decimals.
        tags={tag: source.tags[tag] for tag in ("delimiter", "decimal") if tag in source.tags},
        move=True,
    )


def _existed(created: CreatedVersion) -> str:
    return "" if created.is_new else ", already existed"
