"""`mlroad sync`: it makes components that Azure ML accepts, and does not change the user's part of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from mlroad.core.problems import UserError
from mlroad.core.yaml_nodes import read_yaml
from mlroad.steps.components import YOURS, scalar
from mlroad.steps.sync import check_sync, sync

TRAIN = """from step_io import InputFolder, OutputModel, run


def train(prepared: InputFolder, model: OutputModel, max_depth: int = 6) -> None:
    \"\"\"Fit: a model.\"\"\"


if __name__ == "__main__":
    run(train)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with one step, whose component is up to date."""
    folder = tmp_path / "models" / "churn"
    (folder / "steps").mkdir(parents=True)
    (folder / "environment").mkdir()
    (folder / "environment" / "conda.yml").write_text("name: churn\ndependencies: [python=3.11]\n")
    (folder / "steps" / "train.py").write_text(TRAIN, encoding="utf-8")
    sync([folder])
    return folder


def component(model: Path, name: str = "train") -> Path:
    return model / "components" / f"{name}.yml"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def snapshot(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }


def test_writes_the_component(model: Path) -> None:
    data = yaml.safe_load(component(model).read_text(encoding="utf-8"))

    assert data["name"] == "churn_train"
    assert data["display_name"] == "Train"
    assert data["description"] == "Fit: a model."
    assert data["inputs"] == {
        "prepared": {"type": "uri_folder"},
        "max_depth": {"type": "integer", "default": 6},
    }
    assert data["outputs"] == {"model": {"type": "mlflow_model"}}
    assert data["command"] == (
        'python train.py --prepared "${{inputs.prepared}}" --model "${{outputs.model}}" '
        '--max-depth "${{inputs.max_depth}}"'
    )
    assert data["code"] == "../steps"
    assert data["environment"]["conda_file"] == "../environment/conda.yml"


def test_names_that_yaml_would_not_read_as_text(model: Path) -> None:
    names = ["off", "on", "no", "null", "true", "YES", "y", "office"]
    edit(model / "steps" / "train.py", "max_depth: int = 6", ", ".join(f"{it}: int" for it in names))

    sync([model])

    text = component(model).read_text(encoding="utf-8")
    assert list(yaml.safe_load(text)["inputs"]) == ["prepared", *names]
    assert '  "off":' in text
    assert "  office:" in text
    assert read_yaml(component(model))[1] == []


def test_writes_the_contract(model: Path) -> None:
    import mlroad.steps.step_io

    copy = model / "steps" / "step_io.py"
    assert copy.read_bytes() == Path(mlroad.steps.step_io.__file__).read_bytes()


def test_a_second_sync_changes_nothing(model: Path) -> None:
    before = snapshot(model)

    assert sync([model]) == []
    assert check_sync(model) == []
    assert snapshot(model) == before


@pytest.mark.slow
def test_azure_ml_accepts_every_kind_of_parameter(model: Path) -> None:
    from azure.ai.ml import load_component

    shutil.copy(Path(__file__).parent / "fixtures" / "everything.py", model / "steps")
    sync([model])

    loaded = load_component(component(model, "everything"))

    inputs = {
        name: (port["type"], port.get("optional"), port.get("default"))
        for name, port in loaded.inputs.items()
    }
    assert inputs == {
        "raw": ("uri_file", None, None),
        "folder": ("uri_folder", None, None),
        "old_model": ("mlflow_model", None, None),
        "extra": ("uri_file", True, None),
        "depth": ("integer", None, 6),
        "rate": ("number", None, 1e-5),
        "verbose": ("boolean", None, False),
        "title": ("string", None, "no: title"),
        "limit": ("integer", True, None),
        "learner": ("string", None, "ridge"),
        "folds": ("string", None, "5"),
        "loss": ("string", None, "squared error"),
        "C": ("number", None, 1.0),
    }
    assert list(loaded.inputs["folds"]["enum"]) == ["3", "5"]
    assert loaded.command.endswith('$[[--extra "${{inputs.extra}}"]] $[[--limit "${{inputs.limit}}"]]')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (1e-5, "1.0e-05"),
        (1e300, "1.0e+300"),
        ("plain words", "plain words"),
        ("yes", '"yes"'),
        ("Null", '"Null"'),
        ("1.5", '"1.5"'),
        ("", '""'),
        ("a: b", '"a: b"'),
        ("- x", '"- x"'),
        ("größe", '"größe"'),
        ("a #b", '"a #b"'),
        ("two\nlines", '"two\\nlines"'),
    ],
)
def test_scalars_survive_yaml(value: str | float, text: str) -> None:
    assert scalar(value) == text
    assert yaml.safe_load(f"x: {text}") == {"x": value}


def test_a_changed_signature_is_out_of_step_with_its_line(model: Path) -> None:
    edit(model / "steps" / "train.py", "max_depth: int = 6", "max_depth: int = 7")

    [problem] = check_sync(model)

    assert (problem.code, problem.at.file, problem.at.line) == ("MR312", component(model), 11)
    sync([model])
    assert check_sync(model) == []


def test_an_edited_component_is_out_of_step(model: Path) -> None:
    edit(component(model), "--max-depth", "--depth")

    assert [problem.code for problem in check_sync(model)] == ["MR312"]


def test_the_users_part_is_kept_to_the_letter(model: Path) -> None:
    theirs = 'version: "7"\nenvironment: azureml:ours:3\n# ask Ada\nresources:\n  instance_count: 2\n'
    text = component(model).read_text(encoding="utf-8").partition(YOURS)[0]
    component(model).write_text(f"{text}{YOURS}\n{theirs}", encoding="utf-8")
    assert check_sync(model) == []
    edit(model / "steps" / "train.py", "max_depth", "depth")

    sync([model])

    upper, _, lower = component(model).read_text(encoding="utf-8").partition(YOURS)
    assert lower == "\n" + theirs
    assert "--depth" in upper


def test_a_users_part_that_contradicts_the_script_is_refused(model: Path) -> None:
    edit(component(model), 'version: "1"', 'version: "1"\ncommand: rm -rf /')

    [problem] = check_sync(model)

    assert (problem.code, problem.at.line) == ("MR314", 23)
    assert "command" in problem.what


def test_a_lost_mark_is_refused_and_nothing_is_written(model: Path) -> None:
    edit(component(model), YOURS, "")
    edit(model / "steps" / "train.py", "max_depth", "depth")
    before = snapshot(model)

    with pytest.raises(UserError, match="MR314"):
        sync([model])

    assert snapshot(model) == before


def test_the_lines_of_an_older_version_are_recognized_and_renewed(model: Path) -> None:
    now = component(model).read_text(encoding="utf-8")
    edit(component(model), "`mlroad sync` from", "`oldtool sync` from")
    edit(component(model), YOURS, "# Yours from here on: `oldtool sync` keeps everything below this line.")

    assert [problem.code for problem in check_sync(model)] == ["MR312"]
    sync([model])

    assert component(model).read_text(encoding="utf-8") == now


def test_a_missing_component_names_its_script(model: Path) -> None:
    component(model).unlink()

    [problem] = check_sync(model)

    assert (problem.code, problem.at.file.name) == ("MR311", "train.py")


def test_a_renamed_step_takes_its_component_along(model: Path) -> None:
    (model / "steps" / "train.py").rename(model / "steps" / "fit.py")
    assert sorted(problem.code for problem in check_sync(model)) == ["MR311", "MR313"]

    sync([model])

    assert [path.name for path in (model / "components").iterdir()] == ["fit.yml"]


def test_hand_written_components_are_left_alone(model: Path) -> None:
    mine = "# mine\nname: mine\ntype: command\n"
    component(model).write_text(mine, encoding="utf-8")
    component(model, "other").write_text(mine, encoding="utf-8")

    assert sync([model]) == []
    assert component(model).read_text(encoding="utf-8") == mine
    assert component(model, "other").is_file()


def test_an_edited_contract_is_restored(model: Path) -> None:
    contract = model / "steps" / "step_io.py"
    contract.write_text("# mine\n", encoding="utf-8")

    assert [problem.code for problem in check_sync(model)] == ["MR315"]
    sync([model])
    assert check_sync(model) == []


def test_a_model_without_steps_of_the_contract_gets_nothing(tmp_path: Path) -> None:
    steps = tmp_path / "old" / "steps"
    steps.mkdir(parents=True)
    (steps / "train.py").write_text("import argparse\n", encoding="utf-8")

    assert sync([tmp_path / "old"]) == []
    assert [path.name for path in steps.iterdir()] == ["train.py"]


def test_one_unreadable_step_stops_the_writing_of_all(model: Path) -> None:
    edit(model / "steps" / "train.py", "max_depth: int", "max_depth")
    good = model.parent / "good"
    shutil.copytree(model, good)
    shutil.copy(Path(__file__).parent / "fixtures" / "everything.py", good / "steps")
    (good / "steps" / "train.py").write_text(TRAIN, encoding="utf-8")
    before = snapshot(model.parent)

    with pytest.raises(UserError, match=r"train\.py:4:\d+: MR305"):
        sync([good, model])

    assert snapshot(model.parent) == before


def test_line_ends_of_windows_are_not_a_difference(model: Path) -> None:
    for path in (component(model), model / "steps" / "step_io.py", model / "steps" / "train.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert check_sync(model) == []


def test_no_temporary_file_is_left(model: Path) -> None:
    assert not list(model.rglob("*.tmp"))
