"""Turn the series into rows to learn from, and keep the newest ones for the test."""

from series import add_features, read_series
from step_io import InputFile, OutputFolder, run


def prep(
    raw: InputFile,
    prepared: OutputFolder,
    target: str,
    time: str,
    horizon: int = 14,
    season: int = 7,
    test_share: float = 0.2,
) -> None:
    """Turn the series into rows to learn from, and keep the newest ones for the test.

    Each row has only what is known `horizon` rows before it, so the test measures real forecasts.
    """
    series = read_series(raw, time, target)
    rows = add_features(series, horizon, season)
    rows[target] = series
    rows = rows.dropna()
    tested = int(len(rows) * test_share)
    if not 0 < tested < len(rows):
        raise ValueError(f"{len(rows)} rows are left, which are too few. Lower horizon or season.")
    print(f"Left out: {len(series) - len(rows)} rows without a value or without a known past")
    rows[:-tested].to_csv(prepared / "train.csv", index_label=time)
    rows[-tested:].to_csv(prepared / "test.csv", index_label=time)
    print(f"{len(rows) - tested} rows to train on, {tested} to test on (from {rows.index[-tested]} on)")


if __name__ == "__main__":
    run(prep)
