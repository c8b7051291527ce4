"""What a model is asked. It is not in tables.py, because prep needs no MLflow."""

from pathlib import Path

import pandas as pd
from mlflow.models import get_model_info
from tables import read_text


def read_features(path: Path, model: Path) -> pd.DataFrame:
    """A CSV file as the model knows it: its texts are texts, also where the file has only numbers in them.

    A missing text is the empty text, unless the model was trained with missing ones.
    """
    signature = get_model_info(str(model)).signature
    columns = signature.inputs if signature else []
    required = {column.name: column.required for column in columns if column.type.name == "string"}
    table = pd.read_csv(path, dtype=dict.fromkeys(required, str))
    written = read_text(path)
    for name in {*required} & {*table.columns}:
        if required[name]:
            table[name] = written[name]
    return table
