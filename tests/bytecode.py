"""Compiled Python in uv's cache, so that each new environment of a test starts with it.

A job under act installs its own environment, and its first import of MLflow, pandas and scikit-learn compiles
them: some seconds of processor time in each of about fifty jobs. uv links whole folders of its cache into an
environment. Compiled files that are in these folders come along, and Python accepts them: they name the size
and the time of their source, and a hard link keeps both.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tests.support import call

MODULES = (
    "mlroad.cli.main", "mlflow.pyfunc", "mlflow.sklearn", "mlflow.tracking", "alembic.command",
    "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.db_migrations.env", "pandas", "duckdb",
    "sklearn.linear_model", "sklearn.pipeline", "sklearn.compose", "sklearn.preprocessing", "sklearn.metrics",
    "sklearn.model_selection", "matplotlib.pyplot", "onnxruntime", "skl2onnx", "typer", "detect_secrets.main",
    "pytest", "mypy.main",
)  # fmt: skip
IMPORT = """
import contextlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(Exception):
        __import__(name)
"""


def share_bytecode(environment: Path, cache: Path) -> None:
    """Compile what jobs import, in an environment that uv has just installed, and link it into uv's cache."""
    call([environment / "bin" / "python", "-c", IMPORT, *MODULES], environment)
    known = cache.glob("archive-v0/*/*.dist-info/METADATA")
    archives = {metadata.stat().st_ino: metadata.parent.parent for metadata in known}
    [packages] = environment.glob("lib/python3*/site-packages")
    for metadata in packages.glob("*.dist-info/METADATA"):
        archive = archives.get(metadata.stat().st_ino)
        if archive is None:
            continue  # the file system has no hard links, or the cache is on another one
        for folder in (path for path in archive.iterdir() if path.suffix != ".dist-info"):
            here = packages / folder.name
            for compiled in here.rglob("*.pyc") if here.is_dir() else ():
                target = archive / compiled.relative_to(packages)
                with contextlib.suppress(OSError):
                    target.parent.mkdir(exist_ok=True)
                    os.link(compiled, target)
