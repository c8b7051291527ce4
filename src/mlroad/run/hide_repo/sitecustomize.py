"""Python imports this file when a step starts, and it hides the repo's root from the step's imports.

An editable install puts the root on sys.path, so that `import mlroad` or `from models…` would work here and
fail on Azure ML. Then the sitecustomize runs that the environment itself may have.
"""

import importlib.machinery
import os
import sys

# os.path and not pathlib, whose import would slow down the start of every step.
_here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120
_hidden = {_here, os.path.realpath(os.environ.get("MLROAD_HIDDEN") or _here)}
sys.path[:] = [path for path in sys.path if not path or os.path.realpath(path) not in _hidden]
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
if _spec and _spec.loader:
    import importlib.util  # slow to import, and seldom needed

    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
