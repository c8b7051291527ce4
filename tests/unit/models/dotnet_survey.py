"""Which estimators of scikit-learn pass inference tests that were frozen from them, in Python, ONNX and .NET.

``python -m tests.unit.models.dotnet_survey [NAME …]`` prints each that does not. It needs an SDK, and takes
ten minutes. It asks for those that `onnx_survey` finds to agree: labels by `predict`, and probabilities.
"""

import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from sklearn.utils import all_estimators

from mlroad.core.repo import DOTNET_HARNESS
from tests.built_harness import HARNESS
from tests.support import git
from tests.unit.models.onnx_survey import ROWS, served, sorts, verdict
from tests.unit.models.saved_models import called, frozen, save_run


def survey(root: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    """The model and what is wrong, for each model: empty if all cases pass in all runtimes."""
    known = sorts()
    for name, kind in all_estimators():
        sort = known.get(name, "transformer")
        if (names and name not in names) or verdict(name, kind, sort) != "agrees":
            continue
        for number, (function, fitted) in enumerate(served(name, kind, sort)):
            model = f"{name.lower()}{number}"
            try:
                save_run(root, model, fitted, ROWS, function)
                frozen(root, model)
            except Exception as error:
                yield model, f"cannot be frozen: {' '.join(str(error).split())[:200]}"
                continue
            done = called(root, "test", f"models/{model}", "--runtime", "all")
            passed = len(re.findall(r"^\d+ cases? passed in \w+: ", done.output, re.MULTILINE))
            yield model, "" if (done.exit_code, passed) == (0, 3) else done.output


def main() -> None:
    """Print those that fail, and how many were asked."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ignored = shutil.ignore_patterns("bin", "obj")
        shutil.copytree(HARNESS, root / DOTNET_HARNESS, ignore=ignored)
        git(root, "init", "--quiet")
        found = []
        for model, said in survey(root, sys.argv[1:]):
            found.append(said)
            print(f"{model}: {said or 'passed'}", flush=True)
        print(f"{found.count('')} of {len(found)} models pass in Python, ONNX Runtime and .NET")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
