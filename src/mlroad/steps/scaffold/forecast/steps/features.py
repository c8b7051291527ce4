"""Make the rows that a model is asked for: each with what was known of it `horizon` rows before.

The pipeline does not need it: `prep` makes them, too. It makes the rows of a holdout, so that a model is
measured on forecasts as they are made in production: `mlroad dataset derive NAME --from SERIES --step FILE`.
"""

from series import add_features, read_series
from step_io import InputFile, OutputFile, run


def features(
    raw: InputFile, rows: OutputFile, target: str, time: str, horizon: int = 14, season: int = 7
) -> None:
    """Write the rows of a series that have a past."""
    series = read_series(raw, time, target)
    made = add_features(series, horizon, season)
    made[target] = series
    made.dropna().to_csv(rows, index_label=time)


if __name__ == "__main__":
    run(features)
