"""Write the model as ONNX, for applications that are not Python."""

import json
import logging

import mlflow.sklearn
from measurements import FEATURES
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from step_io import InputModel, OutputFile, run

# It says for each package of the model which version is installed; the model's own requirements tell as much.
logging.getLogger("mlflow").setLevel(logging.ERROR)


def export(model: InputModel, onnx: OutputFile) -> None:
    """Write the model as ONNX: one input with a row's measurements, in the order that its metadata names."""
    fitted = mlflow.sklearn.load_model(str(model))
    converted = convert_sklearn(
        fitted, initial_types=[("measurements", FloatTensorType([None, len(FEATURES)]))], target_opset=18
    )
    entry = converted.metadata_props.add()
    entry.key, entry.value = "columns", json.dumps(FEATURES)
    onnx.write_bytes(converted.SerializeToString())
    print(f"{onnx.stat().st_size} bytes of ONNX")


if __name__ == "__main__":
    run(export)
