"""`mlroad dataset add`, `list` and `verify`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import mlroad
from mlroad.core import text as words
from mlroad.data.store import find
from mlroad.data.version import load_version
from tests.support import git
from tests.unit.data.conftest import TABLE, Repo


def test_a_small_file_goes_into_git(repo: Repo) -> None:
    said = repo.good("add numbers raw/numbers.csv -m 'Numbers and their names'")
    version = load_version(repo / "datasets/numbers/1.yml")
    assert (version.type, version.path, version.rows) == ("uri_file", "./1/numbers.csv", 3)
    assert (version.description, version.stage) == ("Numbers and their names", "dev")
    assert version.size == len(TABLE)
    assert (repo / "datasets/numbers/1/numbers.csv").read_text(encoding="utf-8") == TABLE
    assert "Created numbers:1 (28 B, 3 rows)" in said
    command = said.rpartition("Next: ")[2].split()
    subprocess.run(command, cwd=repo.path, check=True)
    assert git(repo.path, "status", "--porcelain", "--", "datasets").count("A ") == 2


def test_what_to_do_next_can_be_pasted_into_a_shell(repo: Repo) -> None:
    repo.write("raw/with $pace.csv", TABLE)
    command = repo.good("add odd 'raw/with $pace.csv'").rpartition("Next: ")[2]
    subprocess.run(command, cwd=repo.path, shell=True, check=True)
    assert git(repo.path, "status", "--porcelain", "--", "datasets").count("A ") == 2
    file = repo.write("datasets/odd/1/with $pace.csv", TABLE + "4,four\n")
    command = repo.dataset("verify").text.rpartition("a new version: `mlroad ")[2].partition("`")[0]
    assert "Created odd:2" in repo.mlroad(command).out, (command, file)


def test_a_shell_of_windows_takes_double_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "os", SimpleNamespace(name="nt"))
    paths = ["datasets/x/1.yml", "datasets/x/1/with space.csv", "C:/data/a&b.csv"]
    assert list(map(words.quoted, paths)) == [paths[0], f'"{paths[1]}"', f'"{paths[2]}"']


def test_a_large_file_stays_out_of_git(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlroad.data.create_version.SMALL", 10)
    said = repo.good("add numbers raw/numbers.csv")
    assert "not in git" in said
    assert load_version(repo / "datasets/numbers/1.yml").path == "../../data/numbers/1/numbers.csv"
    assert "data/" not in git(repo.path, "status", "--porcelain", "--untracked-files=all")
    assert "1 version verified" in repo.good("verify")


def test_versions_are_counted_as_numbers(repo: Repo) -> None:
    for number in range(1, 12):
        repo.write("raw/numbers.csv", f"a\n{number}\n")
        assert f"numbers:{number} " in repo.good("add numbers raw/numbers.csv")
    assert repo.good("list").splitlines()[-1].startswith("numbers:11")


def test_the_same_content_makes_no_second_version(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    before = repo.files()
    assert "Nothing was created" in repo.good("add numbers raw/numbers.csv")
    assert repo.files() == before
    assert "Created numbers:2" in repo.good("add numbers raw/numbers.csv --stage prod")


EURO = "name;price\nM;0,5\nN;1,25\n"


def test_other_options_for_the_same_content_make_a_version(repo: Repo) -> None:
    repo.write("raw/euro.csv", EURO)
    said = repo.good("add euro raw/euro.csv")
    assert "Warning: price is text, but 100.0 % of its values are numbers with a decimal comma" in said
    assert "Add the same data again with `--decimal ,`." in said
    said = repo.good("add euro raw/euro.csv --delimiter ';' --decimal ,")
    assert "Created euro:2" in said
    assert "Warning" not in said
    tags = load_version(repo / "datasets/euro/2.yml").tags
    assert (tags["delimiter"], tags["decimal"]) == (";", ",")
    for options in ("", "--decimal ,", "--delimiter ';' --decimal ,", "--encoding UTF8"):
        assert "euro:2 already has exactly this content" in repo.good(f"add euro raw/euro.csv {options}")
    assert "Created euro:3" in repo.good("add euro raw/euro.csv --encoding cp1252")
    assert "Created euro:4" in repo.good("add euro raw/euro.csv --stage prod --encoding latin1")
    repo.refused("add euro raw/euro.csv --delimiter ';;'", "is not one character")
    repo.good("schema infer euro:2")
    assert "type: number" in (repo / "datasets/euro/schema.yml").read_text(encoding="utf-8")


def test_a_description_of_the_same_content_is_named(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv -m Numbers")
    said = repo.good("add numbers raw/numbers.csv -m Others --licence MIT")
    assert "Its description is as before. To change it, edit datasets/numbers/1.yml." in said
    assert "Its licence is as before." in said
    assert "as before" not in repo.good("add numbers raw/numbers.csv -m Numbers")


@pytest.mark.parametrize(
    ("values", "options", "warns"),
    [
        ("0,5 1,25 -3 NA", "", True),
        ("12,500 3,5", "", True),
        ("12,500 1,200 3", "", False),
        ("0.5 1.25", "", False),
        ("1,5 a b", "", False),
        ("1,2,3 4,5,6", "", False),
        ("0,5 1,25", "--decimal .", False),
        ("0,5 1,25", "--decimal ,", False),
    ],
)
def test_a_warning_of_decimal_commas(repo: Repo, values: str, options: str, warns: bool) -> None:
    repo.write("raw/t.csv", "id;v\n" + "".join(f"a;{value}\n" for value in values.split()))
    assert ("decimal comma" in repo.good(f"add t raw/t.csv {options}")) is warns


def test_a_folder_with_its_listing(repo: Repo) -> None:
    for name in ("cats/a.png", "cats/b c.png", "dogs/a.png"):
        repo.write(f"raw/pets/{name}", f"picture {name}")
    repo.good("add pets raw/pets")
    version = load_version(repo / "datasets/pets/1.yml")
    assert (version.type, version.path, version.rows) == ("uri_folder", "./1", None)
    assert (repo / "datasets/pets/1.sha256").read_text(encoding="utf-8").count("\n") == 3
    assert (repo / "datasets/pets/1/cats/b c.png").read_bytes() == b"picture cats/b c.png"


def test_a_folder_with_mltable_is_one(repo: Repo) -> None:
    reader = "transformations:\n  - read_delimited:\n      delimiter: ','\n"
    repo.write("raw/table/MLTable", f"paths:\n  - file: ./x.csv\n{reader}")
    repo.write("raw/table/x.csv", TABLE)
    repo.good("add table raw/table")
    version = load_version(repo / "datasets/table/1.yml")
    assert (version.type, version.rows) == ("mltable", 3)


def test_data_in_its_place_stays_there(repo: Repo) -> None:
    repo.write("data/numbers/march.csv", TABLE)
    repo.good("add numbers data/numbers/march.csv")
    assert load_version(repo / "datasets/numbers/1.yml").path == "../../data/numbers/march.csv"
    assert not (repo / "data/numbers/1").exists()


def test_data_of_another_version_is_copied(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.write("datasets/numbers/1/numbers.csv", TABLE + "4,four\n")
    repo.good("add numbers datasets/numbers/1/numbers.csv")
    assert load_version(repo / "datasets/numbers/2.yml").path == "./2/numbers.csv"
    assert "numbers:1" in repo.refused("verify", "MD203", code=1)
    repo.write("datasets/numbers/1/numbers.csv", TABLE)
    assert "2 versions verified" in repo.good("verify")


def test_a_local_copy_of_cloud_data(repo: Repo) -> None:
    address = "azureml://datastores/lake/paths/sales/march.csv"
    repo.good(f"add numbers raw/numbers.csv --at {address}")
    version = load_version(repo / "datasets/numbers/1.yml")
    assert (version.path, version.is_remote) == (address, True)
    assert (repo / "data/numbers/1/march.csv").read_text(encoding="utf-8") == TABLE
    assert "1 version verified" in repo.good("verify numbers:1")
    (repo / "data/numbers/1/march.csv").unlink()
    words = ("MD202", "mlroad dataset fetch numbers:1", "datasets/numbers/1.yml:5")
    repo.refused("verify numbers:1", *words, code=1)
    assert "1 version skipped" in repo.good("verify"), "CI has no large data, and need not have it"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("add numbers raw/nothing.csv", "does not exist"),
        ("add 'no name' raw/numbers.csv", "is not a valid dataset name"),
        ("add ../up raw/numbers.csv", "is not a valid dataset name"),
        ("add con raw/numbers.csv", "is not a valid dataset name"),
        ("add numbers .", "contains this repo"),
        ("add numbers raw/numbers.csv --type uri_folder", "is a file"),
        ("add numbers raw --type mltable", "has no MLTable file"),
        ("add numbers azureml://datastores/a/paths/b.csv", "needs a local copy"),
        ("add numbers raw/numbers.csv --at /data/x.csv", "not a cloud address"),
        ("add numbers raw/empty", "holds no files"),
        ("add ragged raw/ragged.csv", "ragged.csv:3"),
    ],
)
def test_what_cannot_be_a_version(repo: Repo, arguments: str, words: str) -> None:
    (repo / "raw/empty").mkdir()
    repo.write("raw/ragged.csv", "a,b\n1,2\n3\n")
    repo.refused(arguments, words)
    assert not list((repo / "datasets").iterdir())


def test_a_broken_table_can_be_taken_as_a_file(repo: Repo) -> None:
    repo.write("raw/ragged.csv", "a,b\n1,2\n3\n")
    assert "rows" not in repo.good("add ragged raw/ragged.csv --no-table")


def test_names_that_differ_in_capitals_only(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.refused("add Numbers raw/numbers.csv", "only in case")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_out_of_the_data(repo: Repo) -> None:
    repo.write("raw/pets/a.png", "a")
    (repo / "raw/pets/b.png").symlink_to(repo / "raw/numbers.csv")
    repo.refused("add pets raw/pets", "b.png", "outside of the dataset")


def test_warnings_about_git(repo: Repo) -> None:
    repo.write(".gitignore", "*.csv\n")
    assert "git ignores datasets/numbers/1/numbers.csv" in repo.good("add numbers raw/numbers.csv")
    repo.write(".gitignore", "")
    repo.write(".gitattributes", "* text=auto eol=lf\n")
    repo.write("raw/numbers.csv", TABLE.replace("\n", "\r\n"))
    assert "line endings of datasets/numbers/2/numbers.csv" in repo.good("add numbers raw/numbers.csv")
    repo.write(".gitattributes", "* text=auto eol=lf\n/datasets/** -text\n")
    repo.write("raw/numbers.csv", "a\r\n1\r\n")
    assert "Warning" not in repo.good("add numbers raw/numbers.csv")


@pytest.mark.slow
def test_many_at_once_get_numbers_of_their_own(repo: Repo) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(mlroad.__file__).parents[1])}
    program = "from mlroad.__main__ import main; main()"
    running = []
    for number in range(6):
        file = repo.write(f"raw/{number}.csv", f"a\n{number}\n")
        command = [sys.executable, "-c", program, "dataset", "add", "numbers", str(file)]
        running.append(subprocess.Popen(command, cwd=repo.path, env=environment, stdout=subprocess.PIPE))
    for process in running:
        process.communicate()
        assert process.returncode == 0
    versions = [find(repo.path, f"numbers:{number}") for number in range(1, 7)]
    assert len({version.digest for version in versions}) == 6
    assert "6 versions verified" in repo.good("verify")


# ---- verify ----


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_nothing_to_verify(repo: Repo) -> None:
    assert "0 versions verified" in repo.good("verify")
    assert "There are no datasets yet" in repo.good("list")


@pytest.mark.parametrize(
    "change", ["byte", "same time", "longer", "gone", "digest", "listing", "no listing", "type"]
)
def test_tampering_is_named(repo: Repo, change: str) -> None:
    repo.write("raw/pets/a.png", "aaaa")
    repo.write("raw/pets/b.png", "bbbb")
    repo.good("add pets raw/pets")
    repo.good("add numbers raw/numbers.csv")
    repo.good("verify")
    picture, listing = repo / "datasets/pets/1/a.png", repo / "datasets/pets/1.sha256"
    version = repo / "datasets/pets/1.yml"
    state = picture.stat()
    match change:
        case "byte":
            picture.write_bytes(b"aaab")
        case "same time":
            picture.write_bytes(b"aaab")
            os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns))
        case "longer":
            picture.write_bytes(b"aaaaa")
        case "gone":
            picture.unlink()
        case "digest":
            edit(version, "digest: sha256:", "digest: sha256:0")
        case "listing":
            edit(listing, "a.png", "c.png")
        case "no listing":
            listing.unlink()
        case "type":
            edit(version, "uri_folder", "uri_file")
    places = {"digest": "1.yml", "type": "1.yml", "listing": "1.sha256", "no listing": "1.sha256"}
    said = repo.refused("verify", f"datasets/pets/{places.get(change, '1/a.png')}", "1 problem", code=1)
    assert "b.png" not in said
    assert "numbers" not in said
    assert "1 version verified" in repo.good("verify numbers")


@pytest.mark.slow
def test_untouched_files_are_not_read(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    time.sleep(2.1)
    assert "1 read" in repo.good("verify")
    assert "0 read" in repo.good("verify")
    assert "1 read" in repo.good("verify --full")
    repo.write("datasets/numbers/1/numbers.csv", TABLE.replace("one", "two"))
    repo.refused("verify", "datasets/numbers/1/numbers.csv: MD203", code=1)


def test_a_version_without_digest_cannot_be_used(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    file = repo / "datasets/numbers/1.yml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "digest:" not in line), encoding="utf-8")
    repo.refused("verify", "MD201", "mlroad dataset add numbers PATH", code=1)


def test_files_that_look_like_versions(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    for name in ("2.yaml", "02.yml", "0.yml"):
        (repo / "datasets/numbers/1.yml").rename(repo / f"datasets/numbers/{name}")
        repo.refused("verify", f"datasets/numbers/{name}: MD207", code=1)
        (repo / f"datasets/numbers/{name}").rename(repo / "datasets/numbers/1.yml")
    repo.write("datasets/numbers/schema.yml", "a: b\n")
    repo.write("datasets/README.md", "text\n")
    repo.good("verify")


def test_a_missing_parent(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.good("derive big --from numbers:1 --step models/m/steps/clean.py")
    (repo / "datasets/numbers/1.yml").unlink()
    repo.refused("verify", "MD206", "numbers:1", "datasets/big/1.yml:", code=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("verify number:1", "Did you mean numbers?"),
        ("verify numbers:2", "numbers has the versions 1."),
        ("verify numbers@latest", "different data tomorrow"),
        ("verify ../numbers:1", "is not a dataset version"),
    ],
)
def test_what_does_not_exist(repo: Repo, arguments: str, words: str) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.refused(arguments, words)


# ---- versions are never rewritten ----


def test_version_files_do_not_change_between_commits(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv -m old")
    repo.commit()
    file = repo / "datasets/numbers/1.yml"
    good = file.read_text(encoding="utf-8")
    file.write_text(good.replace("old", "A better description"), encoding="utf-8")
    repo.commit()
    assert "1 version verified" in repo.good("verify --base HEAD~1")

    # Data and digest were changed together: only the history shows it.
    (repo / "datasets/numbers/1/numbers.csv").write_text(TABLE + "4,four\n", encoding="utf-8", newline="\n")
    (repo / "datasets/numbers/1.yml").unlink()
    repo.good("add numbers datasets/numbers/1/numbers.csv")
    repo.commit()
    repo.good("verify")
    words = ("MD208", "numbers:1: digest changed since HEAD~1", "datasets/numbers/1.yml:")
    repo.refused("verify --base HEAD~1", *words, code=1)
    (repo / "datasets/numbers/1.yml").unlink()
    repo.refused("verify --base HEAD", "MD208", "was removed", code=1)


def test_the_first_commit_has_nothing_before_it(repo: Repo) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.good("verify --base HEAD^1")
    repo.refused("verify --base main~7", "git does not know main~7 here")


def test_a_clone_too_shallow_to_tell_is_refused(repo: Repo, tmp_path: Path) -> None:
    repo.good("add numbers raw/numbers.csv")
    repo.commit()
    git(tmp_path, "clone", "--quiet", "--depth=1", repo.path.as_uri(), "shallow")
    Repo(tmp_path / "shallow", repo.capfd, repo.monkeypatch).refused("verify --base HEAD^1", "fetch-depth: 2")
    git(tmp_path, "clone", "--quiet", "--depth=2", repo.path.as_uri(), "deeper")
    Repo(tmp_path / "deeper", repo.capfd, repo.monkeypatch).good("verify --base HEAD^1")
