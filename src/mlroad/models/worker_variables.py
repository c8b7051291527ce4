"""The environment variables of a model's process: those that Python and the libraries need, and no tokens."""

import os
from collections.abc import Mapping
from pathlib import Path

_NAMES = frozenset({
    "PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT",
    "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED",
    "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "CUDA_VISIBLE_DEVICES",
})  # fmt: skip
SCORERS = ("MLROAD_SCORER_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
"""What a scorer, which may use the network, gets beside that: a key that is meant for it alone."""
_BEGINNINGS = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "KMP_", "NUMEXPR_", "VECLIB_", "BLIS_")
_HOMES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")


def worker_variables(home: Path, temporary: Path, also: tuple[str, ...] = ()) -> dict[str, str]:
    """All variables of a worker, with these folders. ``also``: what else it gets, as `SCORERS`."""
    return {
        **allowed_variables(os.environ, also),
        **dict.fromkeys(_HOMES, str(home)),
        **dict.fromkeys(_TEMPORARY, str(temporary)),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",  # keeps what a model prints before it ends its process
    }


def allowed_variables(environment: Mapping[str, str], also: tuple[str, ...] = ()) -> dict[str, str]:
    """The variables that Python, the numeric libraries and MLflow need. None of them is a token."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _NAMES or name.upper().startswith((*_BEGINNINGS, *also))
    }
