"""`mlroad dataset derive` and `repeat`: recording a step, and reproducing the digest by repeating it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mlroad.data.version import load_version
from tests.support import git
from tests.unit.data.conftest import CLEAN, TABLE, Repo

STEP = "models/m/steps/clean.py"
DERIVE = f"derive clean --from numbers:1 --step {STEP}"


@pytest.fixture
def numbers(repo: Repo) -> Repo:
    repo.good("add numbers raw/numbers.csv")
    repo.commit()
    return repo


def change(repo: Repo, old: str, new: str) -> None:
    assert old in CLEAN
    repo.write(STEP, CLEAN.replace(old, new))


def test_a_derivation_is_recorded(numbers: Repo) -> None:
    said = numbers.good(f"{DERIVE} --set at-least=3")
    version = load_version(numbers / "datasets/clean/1.yml")
    assert "Created clean:1" in said
    assert (numbers / "datasets/clean/1/clean.csv").read_text(encoding="utf-8") == "id,name\n3,three\n"
    assert (version.parent, version.rows, version.stage) == ("numbers:1", 1, "dev")
    made = version.derivation
    assert made is not None
    assert (made["step"], made["inputs"], made["output"]) == (STEP, {"raw": "numbers:1"}, "cleaned")
    assert (made["parameters"], made["dirty"]) == ({"at_least": 3}, False)
    assert made["commit"] == git(numbers.path, "rev-parse", "HEAD").strip()
    assert made["code"].startswith("sha256:")
    assert set(made["packages"]) == {"typer"}
    assert not list((numbers / ".mlroad").glob("work-*"))


def test_defaults_are_recorded_so_that_a_later_default_changes_nothing(numbers: Repo) -> None:
    numbers.good(DERIVE)
    made = load_version(numbers / "datasets/clean/1.yml").derivation
    assert made is not None
    assert made["parameters"] == {"at_least": 2}


def test_the_next_version_of_the_same_dataset(numbers: Repo) -> None:
    numbers.good(f"derive numbers --from numbers:1 --step {STEP}")
    assert load_version(numbers / "datasets/numbers/2.yml").parent == "numbers:1"


def test_uncommitted_code_is_marked(numbers: Repo) -> None:
    change(numbers, "at_least: int = 2", "at_least: int = 3")
    numbers.good(DERIVE)
    made = load_version(numbers / "datasets/clean/1.yml").derivation
    assert made is not None
    assert made["dirty"] is True


def test_several_inputs_and_outputs(numbers: Repo) -> None:
    numbers.write("raw/names.csv", "id,name\n1,uno\n")
    numbers.good("add names raw/names.csv")
    numbers.write(
        "models/m/steps/join.py",
        "from step_io import InputFile, OutputFile, OutputFolder, run\n"
        "def join(left: InputFile, right: InputFile, both: OutputFolder, report: OutputFile,\n"
        "         flag: bool = False, RATIO: float = 0.5, words: str = 'a b') -> None:\n"
        "    (both / 'left.txt').write_bytes(left.read_bytes())\n"
        "    (both / 'right.txt').write_bytes(right.read_bytes())\n"
        "    report.write_text(f'{flag} {RATIO} {words}')\n"
        "run(join)\n",
    )
    join = "--step models/m/steps/join.py"
    both = "--from right=names:1 --from numbers:1"
    numbers.refused(f"derive joined --from numbers:1 {join} --output both", "--from left=NAME:VERSION")
    numbers.refused(f"derive joined {both} {join}", "several outputs: both, report")
    numbers.good(f"derive joined {both} {join} --output both")
    version = load_version(numbers / "datasets/joined/1.yml")
    assert (version.type, version.parents) == ("uri_folder", ("names:1", "numbers:1"))
    assert (numbers / "datasets/joined/1/left.txt").read_text(encoding="utf-8") == TABLE
    numbers.good(
        f"derive report {both} {join} --output report --file report.txt "
        "--set flag=true --set RATIO=2 --set 'words=it is=so'"
    )
    assert (numbers / "datasets/report/1/report.txt").read_text(encoding="utf-8") == "True 2.0 it is=so"
    assert "same digest" in numbers.good("repeat joined:1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (f"derive clean --from numbers:2 --step {STEP}", "numbers has the versions 1."),
        (f"derive clean --from numbers@latest --step {STEP}", "different data tomorrow"),
        ("derive clean --from numbers:1 --step models/m/steps/none.py", "does not exist"),
        ("derive clean --from numbers:1 --step models/m/steps/plain.py", "is not a step"),
        ("derive clean --from numbers:1 --step models/m/steps/untyped.py", "no type hint"),
        ("derive clean --from numbers:1 --step outside.py", "root of the repo"),
        (f"{DERIVE} --set at_most=3", "Did you mean at_least?"),
        (f"{DERIVE} --set at_least=three", "must be of type integer"),
        (f"{DERIVE} --set at_least", "has no value"),
        (f"{DERIVE} --output dirty", "no output dirty"),
        (f"{DERIVE} --file ../clean.csv", "is not a file name"),
        (f"derive clean --from rew=numbers:1 --step {STEP}", "Did you mean raw?"),
        (f"derive 'no name' --from numbers:1 --step {STEP}", "is not a valid dataset name"),
    ],
)
def test_arguments_that_do_not_fit(numbers: Repo, arguments: str, words: str) -> None:
    numbers.write("models/m/steps/plain.py", "print('hello')\n")
    numbers.write("models/m/steps/untyped.py", "from step_io import run\ndef f(x): ...\nrun(f)\n")
    numbers.write("outside.py", CLEAN)
    numbers.refused(arguments, words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("raise ValueError('this table is too short')", "too short"),
        ("pass", "wrote nothing"),
    ],
)
def test_a_step_that_fails_makes_nothing(numbers: Repo, line: str, words: str) -> None:
    head, _, tail = CLEAN.partition("    with raw.open")
    numbers.write(STEP, f"{head}    {line}\n{tail[tail.index('if __name__') - 2 :]}")
    before = numbers.files()
    # The traceback of an error in a step is shown, because its author needs it.
    numbers.monkeypatch.chdir(numbers.path)
    numbers.monkeypatch.setattr(sys, "argv", ["mlroad", "dataset", *DERIVE.split()])
    from mlroad.cli import main as cli

    with pytest.raises(SystemExit) as leaving:
        cli.main()
    out, err = numbers.capfd.readouterr()
    assert (leaving.value.code, words in out + err) == (1, True), out + err
    assert numbers.files() == before
    assert not list((numbers / ".mlroad").glob("work-*"))


def test_a_step_that_writes_into_its_input_is_caught(numbers: Repo) -> None:
    change(numbers, "    with raw.open", '    raw.write_text("id,name\\n7,x\\n")\n    with raw.open')
    said = numbers.dataset(DERIVE)
    assert said.code == 2
    assert "datasets/numbers/1/numbers.csv: MD203" in said.text
    assert not (numbers / "datasets/clean").exists()


def test_a_changed_parent_is_refused_before_anything_runs(numbers: Repo) -> None:
    numbers.good(DERIVE)
    numbers.write("datasets/numbers/1/numbers.csv", TABLE.replace("one", "onE"))
    numbers.refused("derive more --from numbers:1 --step models/m/steps/clean.py", "numbers.csv: MD203")
    numbers.refused("repeat clean:1", "numbers.csv: MD203")


# ---- repeat ----


def test_the_same_digest_comes_out_again(numbers: Repo) -> None:
    numbers.good(f"{DERIVE} --set at_least=1")
    before = numbers.files()
    assert "same digest" in numbers.good("repeat clean:1")
    assert numbers.files() == before


def test_code_that_changed_since_is_taken_from_its_commit(numbers: Repo) -> None:
    numbers.good(DERIVE)
    change(numbers, ">= at_least", "> at_least")
    numbers.commit()
    said = numbers.good("repeat clean:1")
    assert "so the code of commit" in said
    assert "same digest" in said
    (numbers / STEP).unlink()
    assert "same digest" in numbers.good("repeat clean:1")


def test_code_that_was_never_committed_cannot_be_repeated(numbers: Repo) -> None:
    change(numbers, ">= at_least", "> at_least")
    numbers.good(DERIVE)
    assert "same digest" in numbers.good("repeat clean:1"), "while it is still there, it can"
    numbers.write(STEP, CLEAN)
    words = ("datasets/clean/1.yml", "models/m/steps has changed", "uncommitted")
    numbers.refused("repeat clean:1", *words)


def test_a_step_that_is_not_deterministic_is_reported(numbers: Repo) -> None:
    change(numbers, "writerows([header, *kept])", "writerows([header, [__import__('time').time_ns(), 'x']])")
    numbers.commit()
    numbers.good(DERIVE)
    numbers.refused("repeat clean:1", "but repeating it gave", "the step is not deterministic", code=1)


def test_a_step_that_reads_other_files_is_reported(numbers: Repo, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("1", encoding="utf-8")
    change(numbers, "*kept]", f"*kept, [9, open({str(other)!r}).read()]]")
    numbers.commit()
    numbers.good(DERIVE)
    assert "same digest" in numbers.good("repeat clean:1")
    other.write_text("2", encoding="utf-8")
    numbers.refused("repeat clean:1", "depends on something else", code=1)


def test_another_environment_is_named(numbers: Repo) -> None:
    numbers.good(DERIVE)
    file = numbers / "datasets/clean/1.yml"
    text = file.read_text(encoding="utf-8")
    made = load_version(file).derivation
    assert made is not None
    typer = made["packages"]["typer"]
    text = text.replace(f'"typer":"{typer}"', '"typer":"0.1.0"')
    text = text.replace(f'"python":"{made["python"]}"', '"python":"3.9.1"')
    change(numbers, "*kept]", "*kept, [5, 'five']]")
    numbers.commit()
    # As if the recorded environment had produced a different result.
    numbers.good("derive other --from numbers:1 --step models/m/steps/clean.py")
    new = load_version(numbers / "datasets/other/1.yml").derivation
    assert new is not None
    for key in ("code", "commit"):
        text = text.replace(str(made[key]), str(new[key]))
    file.write_text(text, encoding="utf-8")
    numbers.refused(
        "repeat clean:1", "Python was 3.9.1 and is", f"typer was 0.1.0 and is now {typer}", code=1
    )


@pytest.mark.parametrize("derivation", [None, {}, {"step": 1}, {"step": "x", "inputs": []}])
def test_what_was_not_derived(numbers: Repo, derivation: object) -> None:
    file = numbers / "datasets/numbers/1.yml"
    if derivation is not None:
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}  derivation: '{json.dumps(derivation)}'\n", encoding="utf-8")
    numbers.refused("repeat numbers:1", "MD703", "not derived by a step")
