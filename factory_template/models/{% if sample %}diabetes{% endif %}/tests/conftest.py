"""Lets the tests import the steps as they import each other, and log to a temporary folder."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "steps"))
STORE = tempfile.TemporaryDirectory(prefix="mlflow-", ignore_cleanup_errors=True)
os.environ |= {"MLFLOW_TRACKING_URI": Path(STORE.name, "runs").as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
