"""Run the steps of a model inside a test, so that coverage sees their lines: for models/NAME/tests.

The steps get what pipeline.yml gives them. A CSV file is cut to its first rows, so that a test is quick.
"""

import os
import runpy
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.core.run_folders import root_of
from mlroad.data.store import find_verified
from mlroad.pipeline.model import DataAsset, DataPath
from mlroad.run.command import fill
from mlroad.run.launch import checked
from mlroad.run.make_plan import make_plan
from mlroad.run.plan import ARTIFACTS, Joined, PlannedStep, Produced, Source, Text
from mlroad.run.run_options import RunOptions
from mlroad.run.tracking_address import file_store

ROWS = 200
"""The rows that are read of a CSV file."""


def call_steps(model: Path, folder: Path, rows: int = ROWS, **inputs: object) -> dict[str, Path]:
    """Run every step of ``model``, and return what each wrote: ``{"train.model": Path(…), …}``.

    ``folder`` gets the outputs. ``inputs`` replaces inputs of the pipeline: ``raw="tests/rows.csv"``. Raises
    UserError as `mlroad run` does, and RuntimeError for a step that fails.
    """
    file = model.resolve() / "pipeline.yml"
    given = tuple(f"{name}={value}" for name, value in inputs.items())
    return _Steps(root_of(file), folder, rows).run(file, given)


class _Steps:
    def __init__(self, root: Path, folder: Path, rows: int) -> None:
        self._root = root
        self._folder = folder
        self._rows = rows
        self._made: dict[str, Path] = {}

    def run(self, file: Path, given: tuple[str, ...]) -> dict[str, Path]:
        plan = make_plan(checked(file, RunOptions(inputs=given)))
        plan.refuse()
        for step in plan.steps.values():
            self._call(step)
        return self._made

    def _call(self, step: PlannedStep) -> None:
        outputs = {name: self._folder / step.name / name for name in step.outputs if name != ARTIFACTS}
        for name, path in outputs.items():
            (path.parent if step.outputs[name].is_file else path).mkdir(parents=True, exist_ok=True)
        inputs = {name: self._text(source) for name, source in step.inputs.items()}
        paths = [f"inputs.{name}" for name, its in step.inputs.items() if not isinstance(its, Text)]
        paths += [f"outputs.{name}" for name in outputs]
        written = {name: path.as_posix() for name, path in outputs.items()}
        words = shlex.split(fill(step.component.command, inputs, written, frozenset(paths)))
        if words[:1] not in (["python"], ["python3"]) or len(words) < 2 or step.component.code is None:
            what = f"The step {step.name} is not a Python script, so a test cannot call it."
            raise UserError(what, "Test its parts in functions of your own.")
        with _as_script(step.component.code, words[1:], self._folder):
            try:
                runpy.run_path(str(step.component.code / words[1]), run_name="__main__")
            except SystemExit as error:
                if error.code:
                    raise RuntimeError(f"The step {step.name} ended with exit code {error.code}.") from None
        self._made |= {f"{step.name}.{name}": path for name, path in outputs.items()}

    def _text(self, source: Source) -> str:
        if isinstance(source, Text):
            return source.text
        if isinstance(source, Joined):
            return "".join(part if isinstance(part, str) else self._text(part) for part in source.parts)
        if isinstance(source, Produced):
            return self._made[f"{source.step}.{source.output}"].as_posix()
        if isinstance(source, DataAsset):
            return self._first_rows(find_verified(self._root, f"{source.name}:{source.version}").path)
        if isinstance(source, DataPath):
            return self._first_rows(source.path)
        fix = "Give the tests a small file: call_steps(…, raw=PATH)."
        raise UserError(f"{source.url} is in the cloud.", fix)

    def _first_rows(self, path: Path) -> str:
        if path.suffix != ".csv":
            return path.as_posix()
        cut = self._folder / "inputs" / path.name
        cut.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as whole:
            cut.write_bytes(b"".join(islice(whole, self._rows + 1)))
        return cut.as_posix()


@contextmanager
def _as_script(code: Path, arguments: list[str], folder: Path) -> Iterator[None]:
    """Let a script run as if it had been started, with a tracking store of its own."""
    before, path, known = sys.argv, [*sys.path], {*sys.modules}
    here, environment = Path.cwd(), dict(os.environ)
    os.environ |= file_store(folder / "mlflow")  # creating the tables of a database would take seconds
    sys.argv, sys.path[:0] = arguments, [str(code)]
    os.chdir(code)
    try:
        yield
    finally:
        os.chdir(here)
        sys.argv, sys.path[:] = before, path
        if mlflow := sys.modules.get("mlflow"):
            mlflow.end_run()
        # Another model's steps may have modules of the same names.
        for name in {*sys.modules} - known:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).is_relative_to(code):
                del sys.modules[name]
        os.environ.clear()
        os.environ |= environment
