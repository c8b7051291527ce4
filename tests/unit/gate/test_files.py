"""Holdouts that are folders: files with a table of their labels; the model gets paths or bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.data.create_version import VersionDraft, create_version
from mlroad.data.store import find_verified
from mlroad.gate.gates_file import load_gates
from mlroad.gate.holdout import Holdout, read_holdout
from mlroad.models.model_process import ModelProcess
from tests.support import commit_all
from tests.unit.gate import toy
from tests.unit.gate.conftest import Factory

MODEL = """import mlflow


class Lengths(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [float(READ) for one in model_input["file"]]


mlflow.models.set_model(Lengths())
"""
TRAIN = '''"""Save a model of files."""

from pathlib import Path

import mlflow.pyfunc
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from step_io import InputFolder, OutputModel, run


def train(raw: InputFolder, model: OutputModel) -> None:
    """Save a model that answers with the length of a file."""
    script = Path(__file__).with_name("lengths.py")
    signature = ModelSignature(Schema([ColSpec("string", "file")]), Schema([ColSpec("double")]))
    mlflow.pyfunc.save_model(model, python_model=str(script), signature=signature, pip_requirements=[])


if __name__ == "__main__":
    run(train)
'''
GATES = """task: regression
holdout: azureml:notes_holdout:1
files: {table: labels.csv, column: file}
target: length
champion: optional
decide_by: mae
metrics: {mae: {limit: 1, max_regression: 1}}
inference_tests: []
"""


def notes(folder: Path, first: int, count: int) -> Path:
    """Text files in two folders, with a table of their lengths."""
    lines = ["file,length,shift"]
    for number in range(first, first + count):
        file = folder / ("early" if number % 2 else "late") / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number} " * number, encoding="utf-8", newline="\n")
        lines.append(f"{file.relative_to(folder).as_posix()},{file.stat().st_size},{file.parent.name}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return folder


@pytest.mark.slow
def test_a_model_of_files_is_gated(first: Factory) -> None:
    for name, start in (("notes_train", 100), ("notes_holdout", 1)):
        raw = notes(first.repo / "raw" / name, start, 40)
        assert first.command("dataset", "add", name, str(raw), "--stage", "prod").code == 0
    first.write("data.yml", "raw:\n  dev: azureml:notes_train:1\n  prod: azureml:notes_train:1\n")
    pipeline = toy.PIPELINE.replace("toys_train:2", "notes_train:1").replace("uri_file", "uri_folder")
    first.write("pipeline.yml", pipeline)
    first.write("steps/lengths.py", MODEL.replace("READ", "len(open(one, 'rb').read())"))
    first.write("steps/train.py", TRAIN)
    first.write("gates.yml", GATES)
    assert first.command("sync").code == 0
    commit_all(first.repo, "Notes")
    toy.run(first.repo, "train", "toy")
    said = first.command("gate", "toy")
    assert said.code == 0, said.text
    assert "mae is 0 " in said.text
    assert "No row of notes_train:1 is in notes_holdout:1" in said.text


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Holdout]:
    """``opened("a,b", …)``: the holdout with these lines added to the table of labels."""
    (tmp_path / "gates.yml").write_text(GATES, encoding="utf-8")

    def open_(*lines: str, change: Callable[[str], str] = str) -> Holdout:
        raw = notes(tmp_path / "raw", 1, 6)
        labels = raw / "labels.csv"
        labels.write_text(change(labels.read_text(encoding="utf-8")) + "".join(lines), encoding="utf-8")
        create_version(tmp_path, VersionDraft("notes_holdout", raw, stage="prod"))
        used = find_verified(tmp_path, "notes_holdout:1")
        return read_holdout(used, load_gates(tmp_path / "gates.yml"))

    return open_


@pytest.mark.parametrize(
    ("lines", "change", "word"),
    [
        (("early/99.txt,3,early\n",), str, "has no file early/99.txt"),
        (("../raw/early/1.txt,3,early\n",), str, "has no file ../raw"),
        (("early/1.txt,3,early\n",), str, "has several rows for early/1.txt"),
        ((), lambda text: text.replace("file,", "path,"), "has no column file"),
    ],
)
def test_labels_that_do_not_fit(
    opened: Callable[..., Holdout], lines: tuple[str, ...], change: Callable[[str], str], word: str
) -> None:
    with pytest.raises(UserError, match=word):
        opened(*lines, change=change)


def test_a_folder_needs_a_table_of_labels(opened: Callable[..., Holdout], tmp_path: Path) -> None:
    opened()
    for gates, word in (
        (GATES.replace("files: {table: labels.csv, column: file}\n", ""), "is a folder of files"),
        (GATES.replace("labels.csv", "label.csv"), "has no file label.csv"),
    ):
        (tmp_path / "gates.yml").write_text(gates, encoding="utf-8")
        with pytest.raises(UserError, match=word):
            read_holdout(find_verified(tmp_path, "notes_holdout:1"), load_gates(tmp_path / "gates.yml"))


@pytest.mark.parametrize(
    "texts", [["2026-01-31", "2026-02-01"], ["3.10", "007"], ["", "None"], ["a,b", " x"]]
)
def test_reference_texts_stay_as_they_are_written(texts: list[str], tmp_path: Path) -> None:
    gates = "task: text\nholdout: azureml:t:1\ntarget: answer\nchampion: optional\ndecide_by: exact_match\n"
    gates += "metrics: {exact_match: {max_regression: 0.1}}\n"
    (tmp_path / "gates.yml").write_text(gates, encoding="utf-8")
    rows = "".join(f'{number},"{text}"\n' for number, text in enumerate(texts))
    (tmp_path / "t.csv").write_text("question,answer\n" + rows, encoding="utf-8")
    create_version(tmp_path, VersionDraft("t", tmp_path / "t.csv", stage="prod"))
    found = read_holdout(find_verified(tmp_path, "t:1"), load_gates(tmp_path / "gates.yml"))
    assert found.truth.values.tolist() == texts


@pytest.mark.parametrize(("kind", "read"), [("string", "len(open(one).read())"), ("binary", "len(one)")])
def test_paths_or_bytes_as_the_signature_says(
    opened: Callable[..., Holdout], tmp_path: Path, kind: str, read: str
) -> None:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    script = tmp_path / "lengths.py"
    script.write_text(MODEL.replace("READ", read), encoding="utf-8")
    signature = ModelSignature(Schema([ColSpec(kind, "file")]), Schema([ColSpec("double")]))
    mlflow.pyfunc.save_model(
        tmp_path / "m", python_model=str(script), signature=signature, pip_requirements=[]
    )
    table = opened()
    with ModelProcess(tmp_path / "m") as model:
        assert model.predict(table.features(("length",))).tolist() == table.frame["length"].tolist()
        model.prepare_rows([2])
        assert model.predict_row(2)[0] == [table.frame["length"][2]]
        model.finish()
