"""Whether a model gives another answer on another day: it is asked again while its clock is ahead."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from mlroad.models.clock_reads import WORDS

_HOURS = (6, 12, 24, 48, 72, 96, 120, 144, 24 * 40, 24 * 100, 24 * 190, 24 * 400)
"""How far the clock is ahead: other times of the day, days of the week, months and years."""
_SAME = 1e-6
_Names = dict[str, Any]


def depends_on_day(answer: Callable[[], Sequence[Any]], names: Sequence[_Names]) -> bool:
    """Whether ``answer`` gives other numbers or texts on another day.

    ``names`` are the global names of the model's own code: what it has imported of the clock is there.
    """

    def ahead(hours: int) -> Sequence[Any]:
        with _ahead(datetime.timedelta(hours=hours), names):
            return answer()

    with contextlib.suppress(Exception):
        now = ahead(0)
        for hours in _HOURS:
            with contextlib.suppress(Exception):
                if not _same(now, ahead(hours)):
                    return True
    return False


def _same(mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    if len(mine) != len(theirs) or any(isinstance(its, str) for its in (*mine, *theirs)):
        return list(mine) == list(theirs)
    return bool(np.allclose(mine, theirs, rtol=_SAME, atol=_SAME, equal_nan=True))


@contextlib.contextmanager
def _ahead(by: datetime.timedelta, names: Sequence[_Names]) -> Iterator[None]:
    """Set the clock of Python's functions, and of those of NumPy and pandas, ahead."""
    replaced = _clock(by)
    undo: list[Callable[[], None]] = []

    def put(place: Any, name: str, value: Any, kept: Any) -> None:
        if isinstance(place, dict):
            place[name] = value
            undo.append(lambda: place.update({name: kept}))
        else:
            setattr(place, name, value)
            undo.append(lambda: setattr(place, name, kept))

    try:
        for name in ("now", "utcnow", "today"):
            kept = vars(pd.Timestamp)[name]
            put(pd.Timestamp, name, _later(kept, by), kept)
        for place in (vars(time), vars(datetime), vars(pd), vars(np), *names):
            for name, kept in list(place.items()):
                if (value := replaced.get(id(kept))) is not None:
                    put(place, name, value, kept)
        yield
    finally:
        for back in reversed(undo):
            back()


def _later(method: Any, by: datetime.timedelta) -> Any:
    return classmethod(lambda cls, *some, **more: method.__get__(None, cls)(*some, **more) + by)


def _clock(by: datetime.timedelta) -> dict[int, Any]:
    """What replaces functions and classes, by the ids of those."""
    seconds = by.total_seconds()
    read, read_ns, local, utc, text, shown = (
        time.time, time.time_ns, time.localtime, time.gmtime, time.strftime, time.ctime,
    )  # fmt: skip

    def at(given: float | None = None) -> float:
        return read() + seconds if given is None else given

    return {
        id(read): at,
        id(read_ns): lambda: read_ns() + int(seconds * 1e9),
        id(local): lambda given=None: local(at(given)),
        id(utc): lambda given=None: utc(at(given)),
        id(shown): lambda given=None: shown(at(given)),
        id(text): lambda form, given=None: text(form, local(at()) if given is None else given),
        id(datetime.datetime): _ahead_class(datetime.datetime, by),
        id(datetime.date): _ahead_class(datetime.date, by),
        id(pd.to_datetime): _of_words(pd.to_datetime),
        **{id(kind): _by_words(kind) for kind in (pd.Timestamp, pd.DatetimeIndex, np.datetime64)},
    }


class _Alike(type):
    """Instances of the class that it replaces count as its own."""

    def __instancecheck__(cls, its: Any) -> bool:
        return isinstance(its, cls.__mro__[1])


def _of_words(make: Callable[..., Any]) -> Callable[..., Any]:
    """``make``, with the moment of the clock that is ahead for the words "now" and "today"."""

    def made(*some: Any, **more: Any) -> Any:
        return make(*map(_moment, some), **{name: _moment(its) for name, its in more.items()})

    return made


def _moment(given: Any) -> Any:
    if isinstance(given, list):
        return list(map(_moment, given))
    return datetime.datetime.now().isoformat() if isinstance(given, str) and given in WORDS else given


def _by_words(kind: Any) -> type:
    """The same for a class: calls make objects of ``kind``, and these count as its own."""
    alike = type("Alike", (_Alike, type(kind)), {})
    made = _of_words(kind)
    return cast(
        "type", alike(kind.__name__, (kind,), {"__new__": lambda _, *some, **more: made(*some, **more)})
    )


def _ahead_class(kind: type, by: datetime.timedelta) -> type:
    real = datetime.datetime

    def now(_: type, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return real.now(tz) + by

    def today(_: type) -> Any:
        return real.now() + by if kind is real else (real.now() + by).date()

    def utcnow(_: type) -> datetime.datetime:
        return real.now(datetime.UTC).replace(tzinfo=None) + by

    found = {"today": classmethod(today), "now": classmethod(now), "utcnow": classmethod(utcnow)}
    names = found if kind is real else {"today": found["today"]}
    return cast("type", _Alike(kind.__name__, (kind,), names))
