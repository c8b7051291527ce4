"""One row per time, and what is known of it `horizon` rows before. The steps share it."""

from pathlib import Path

import pandas as pd


def read_series(path: Path, time: str, target: str) -> pd.Series:
    """The column ``target`` by the column ``time``, in order. Raises ValueError unless times are regular."""
    if not path.stat().st_size:
        raise ValueError(f"{path.name} is empty.")
    table = pd.read_csv(path)
    missing = [column for column in (time, target) if column not in table.columns]
    if missing:
        raise ValueError(f"There is no column {missing[0]}. The columns are {', '.join(table.columns)}.")
    series = table.set_index(time)[target].astype(float)
    series.index = pd.to_datetime(series.index)
    series = series.sort_index()
    times = pd.DatetimeIndex(series.index)
    if times.has_duplicates:
        raise ValueError(
            f"{times[times.duplicated()][0]} has several rows. Sum them up, or choose one series."
        )
    if len(times) < 3:
        raise ValueError(f"{path.name} has too few rows ({len(times)}) to see how far apart the times are.")
    spacing = pd.DatetimeIndex(times, freq="infer").freq
    if spacing is None:
        after = times[int((times[1:] - times[:-1]).argmax())]
        raise ValueError(f"The times are not regular: the largest gap is after {after}. Fill in the gaps.")
    return series.asfreq(spacing)


def past_columns(target: str, horizon: int, season: int) -> list[tuple[str, int]]:
    """The names of the columns with the value of 1 and 2 seasons before, and how many rows back each is."""
    first = -(-horizon // season) * season  # the first whole season that is known `horizon` rows before
    return [(f"{target}_{rows}_rows_before", rows) for rows in (first, first + season)]


def add_features(series: pd.Series, horizon: int, season: int, ahead: int = 0) -> pd.DataFrame:
    """One row for each time: its calendar, and values at least ``horizon`` rows older than itself.

    ``ahead`` more rows follow the end of the series.
    """
    times = pd.DatetimeIndex(series.index)
    times = pd.date_range(times[0], periods=len(times) + ahead, freq=times.freq)
    whole = series.reindex(times)
    features = pd.DataFrame(index=times)
    for name, rows in past_columns(str(series.name), horizon, season):
        features[name] = whole.shift(rows)
    features["recent_mean"] = whole.rolling(season).mean().shift(horizon)
    features["month"], features["weekday"] = times.month_name(), times.day_name()
    features["hour"] = "h" + times.hour.astype(str)  # a category, not a number
    return features


def read_rows(path: Path) -> pd.DataFrame:
    """A file that prep wrote."""
    return pd.read_csv(path)
