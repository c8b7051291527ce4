"""Validates a file with azure-ai-ml, offline: its loader and its (private) validation. Nothing is sent."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path


def azure_errors(file: Path, *, component: bool = False) -> list[str]:
    """azure-ai-ml's errors for a pipeline job or a component, as users see them. Empty if it is valid."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # azure-ai-ml's own use of marshmallow
            from azure.ai.ml import load_component, load_job

            loaded = load_component(file) if component else load_job(file)
            result = loaded._validate()
    except Exception as error:  # azure-ai-ml raises TypeError, AttributeError … on bad files
        return [f"{type(error).__name__}: {' '.join(str(error).split())}"]
    finally:
        logging.disable(logging.NOTSET)
    return [f"{path}: {message}" for path, message in result.error_messages.items()]
