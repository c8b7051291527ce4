"""The command line as a whole: its help, its imports, and its error messages."""

from __future__ import annotations

import errno
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import click
import pytest
from click.testing import CliRunner

import mlroad
from mlroad.cli.finite_number import FiniteNumber
from mlroad.cli.lazy import LazyGroup
from mlroad.cli.main import COMMANDS, FACTORY
from mlroad.cli.main import mlroad as root
from mlroad.cli.output_options import WITHOUT
from tests.unit.cli.command import exit_code

HEAVY = {
    "mlflow",
    "pandas",
    "numpy",
    "duckdb",
    "yaml",
    "rich",
    "sqlalchemy",
    "detect_secrets",
    "onnx",
    "azure",
}


def call(folder: Path, *arguments: str, hidden: str = "") -> subprocess.CompletedProcess[str]:
    """Run `mlroad` as a process in which the package ``hidden`` cannot be imported."""
    code = (
        f"import sys\nif {hidden!r}: sys.modules[{hidden!r}] = None\nfrom mlroad.cli.main import main\nmain()"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture
def prototype(tmp_path: Path) -> Path:
    """A minimal prototyping repo."""
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    (tmp_path / "models" / "m").mkdir(parents=True)
    (tmp_path / "models" / "m" / "pipeline.yml").write_text("type: pipeline\njobs: {}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def factory(prototype: Path) -> Path:
    """A minimal factory."""
    (prototype / "factory.yml").write_text("registry: local\n", encoding="utf-8")
    return prototype


def commands(group: click.Group = root, path: str = "mlroad") -> Iterator[tuple[str, click.Command]]:
    """Every command with its path, including subcommands."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_help_groups_the_commands(factory: Path) -> None:
    lines = call(factory, "--help").stdout.splitlines()
    sections = ["Prototype:", "Data:", "Factory:", "Repo:"]
    assert [line for line in lines if line in sections] == sections
    shown = [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in COMMANDS]
    assert shown == list(COMMANDS)
    assert lines.index("Prototype:") < lines.index("Factory:")


def test_help_in_a_prototyping_repo_says_what_needs_a_factory(prototype: Path) -> None:
    headings = [line for line in call(prototype, "-h").stdout.splitlines() if line.endswith(":")]
    assert "Factory (these commands need a model factory; this is a prototyping repo):" in headings


def test_help_outside_a_repo(tmp_path: Path) -> None:
    assert "Factory:" in call(tmp_path, "--help").stdout.splitlines()


def test_the_version(tmp_path: Path) -> None:
    assert call(tmp_path, "--version").stdout == f"mlroad {mlroad.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["dataset", "--help"], []])
def test_help_imports_no_command_and_no_heavy_package(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom mlroad.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert not (HEAVY | {"json", "tempfile"}) & loaded
    group = {"mlroad.cli.dataset"} if "dataset" in arguments else set()
    cli = {name for name in loaded if name.startswith("mlroad.cli.")}
    assert (
        cli
        == {f"mlroad.cli.{name}" for name in ("lazy", "main", "needs_factory", "output_options", "startup")}
        | group
    )
    assert {name for name in loaded if name.startswith("mlroad.")} - cli == {
        "mlroad.cli", "mlroad.core", "mlroad.core.git_addresses", "mlroad.core.problems", "mlroad.core.repo",
    }  # fmt: skip


def test_the_hook_loads_little(prototype: Path) -> None:
    """The hook runs at every commit."""
    code = (
        "import sys\nfrom mlroad.cli.main import main\n"
        "try: main()\nexcept SystemExit as left: assert left.code == 0, left.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "guard", "--only", "conflicts", "pyproject.toml"]
    done = subprocess.run(command, cwd=prototype, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stderr.split())


def test_every_command_has_help_with_an_example() -> None:
    for path, command in commands():
        text = CliRunner().invoke(root, [*path.split()[1:], "-h"], prog_name="mlroad").output
        assert text.startswith(f"Usage: {path} "), path
        if not isinstance(command, click.Group):
            examples = [
                line for line in text.splitlines() if line.startswith((f"  {path}", f"  uv run {path}"))
            ]
            assert examples, f"{path} has no example in its help"


EXAMPLE = re.compile(r"\s*(?:uv run )?mlroad (.*?)(?:\s{2,}.*)?")


def test_every_example_can_be_parsed() -> None:
    """Each line of a help that begins with a command: its options exist and its arguments are complete."""
    lines = [line for _, command in commands() for line in (command.help or "").splitlines()]
    examples = [found[1] for line in lines if (found := EXAMPLE.fullmatch(line))]
    assert len(examples) > 80
    for example in examples:
        parse(root, shlex.split(example.partition(" > ")[0]), example)


def parse(command: click.Command, words: list[str], line: str) -> None:
    """Fail if these words are not a command line. Nothing is run, and files need not exist."""
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    try:
        context = command.make_context("mlroad", words)
        if isinstance(command, click.Group):
            _, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None, line
            parse(found, rest, line)
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("line", ["check --fromat json", "freeze", "run m --jobs many", "chekc", "dataset x"])
def test_canary_a_wrong_example_is_found(line: str) -> None:
    with pytest.raises(pytest.fail.Exception):
        parse(root, shlex.split(line), line)


def fractions() -> Iterator[tuple[str, click.Option]]:
    """Every option that is a number with a fraction."""
    for path, command in commands():
        for it in command.params:
            if isinstance(it, click.Option) and isinstance(it.type, click.types.FloatParamType):
                yield path, it


def test_numbers_are_finite(factory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """click reads nan, inf and 1e400, and `nan` is in every range: a limit would never hold."""
    monkeypatch.chdir(factory)  # some commands are others in a prototype
    found = list(fractions())
    assert len(found) >= 6
    for path, option in found:
        assert isinstance(option.type, FiniteNumber), f"{path} {option.name}"
        for text in ("nan", "inf", "-inf", "1e400", "NaN"):
            with pytest.raises(click.BadParameter):
                option.type.convert(text, option, None)
        assert option.type.convert("1e-3", option, None) == 0.001


def test_json_and_quiet_mean_the_same_everywhere() -> None:
    helps: dict[str, set[str | None]] = {"--json": set(), "--quiet": set(), "--format": set()}
    for path, command in commands():
        options = {name: it for it in command.params for name in it.opts if isinstance(it, click.Option)}
        for name in helps.keys() & options.keys():
            helps[name].add(options[name].help)
        if not isinstance(command, click.Group):
            has = {"--json", "--quiet", "-q"} & options.keys()
            assert len(has) == (0 if command.name in WITHOUT else 3), path
        if "--format" in options:
            choice = options["--format"].type
            assert isinstance(choice, click.Choice)
            assert "json" in choice.choices, path
    assert {name: len(found) for name, found in helps.items()} == dict.fromkeys(helps, 1), helps


def test_the_table_and_the_commands_say_the_same() -> None:
    """`--help` shows the table; a command's own help begins with the same line."""
    for group in (root, *(command for _, command in commands() if isinstance(command, LazyGroup))):
        for name, entry in group.table.items():
            command = group.get_command(click.Context(group), name)
            assert command is not None
            assert command.name == name
            assert (command.help or "").split("\n", 1)[0] == entry.help


def test_what_exits_with_1_says_so() -> None:
    for path, command in commands():
        if command.callback and "sys.exit" in _source(command):
            assert "Exit codes: 0 " in (command.help or ""), path


def _source(command: click.Command) -> str:
    assert command.callback is not None
    return inspect.getsource(command.callback)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chekc"], "No such command 'chekc'. Did you mean 'check'?"),
        (["dataset", "verfy"], "No such command 'verfy'. Did you mean 'verify'?"),
        (["registry", "pul"], "No such command 'pul'. Did you mean 'pull'?"),
        (["check", "--fromat", "json"], "--format"),
        (["check", "--format", "xml"], "'xml' is not one of"),
        (["freeze"], "Missing argument 'MODEL'"),
        (["freeze", "models/m", "--rows", "0"], "0 is not in the range 1<=x<=1000"),
        (["dataset", "add", "x", "nowhere"], "nowhere does not exist"),
        (["approve", "m:1", "--by", "@me", "--github-run", "1"], "--by and --github-run exclude each other."),
        (["register", "m", "--dev-run", "1"], "--dev-run is the twin of --run."),
    ],
)
def test_a_mistake_exits_with_2(factory: Path, arguments: list[str], told: str) -> None:
    done = call(factory, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


FACTORY_COMMANDS = [
    ["promote", "../prototype@v1", "diabetes"], ["backport", "m"],
    ["hand-over", "m", "f", "--run", "1"], ["take-over", "m", "f", "--digest", "x"],
    ["train", "m"], ["gate", "m"], ["report", "m"], ["export", "m"],
    ["register", "m", "--run", "1"], ["approve", "m"], ["rollback", "m"], ["list"],
    ["why", "m:1"], ["who-used", "d:1"], ["clean"],
    ["registry", "pull"], ["affected", "--base", "HEAD"], ["selftest"],
]  # fmt: skip


def test_all_factory_commands_are_tried_below() -> None:
    assert {arguments[0] for arguments in FACTORY_COMMANDS} == {
        name for name, entry in COMMANDS.items() if entry.section == FACTORY
    }


@pytest.mark.parametrize("arguments", FACTORY_COMMANDS, ids=lambda arguments: arguments[0])
def test_a_factory_command_in_a_prototyping_repo(
    prototype: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(prototype)
    result = CliRunner().invoke(root, arguments)
    assert str(result.exception).startswith(f"`mlroad {arguments[0]}")
    assert "needs a model factory, and this repo is not one: it has no factory.yml." in str(result.exception)


def test_its_help_can_be_read_there(prototype: Path) -> None:
    assert call(prototype, "gate", "--help").stdout.startswith("Usage: mlroad gate")
    done = call(prototype, "gate", "m")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "remedy"), [("onnx", "Add mlroad[factory]"), ("azure", "Run `uv sync --group azure`.")]
)
def test_a_missing_extra(factory: Path, package: str, remedy: str) -> None:
    """The hint appears wherever and whenever the package is imported."""
    code = (
        f"import sys\nsys.modules[{package!r}] = None\n"
        "from mlroad.cli.startup import plain_endings\n"
        f"with plain_endings():\n    import {package}"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=factory, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"needs the package {package}, which is not installed. {remedy}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gate_without_its_extra(factory: Path) -> None:
    done = call(factory, "selftest", hidden="numpy")
    assert done.returncode == 2
    assert "Add mlroad[factory] to the dependency group `tools` in pyproject.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_extra_matters_less_than_the_wrong_repo(prototype: Path) -> None:
    done = call(prototype, "selftest", hidden="numpy")
    assert done.returncode == 2
    assert "needs a model factory" in done.stderr


def test_a_bug_stays_a_traceback(factory: Path) -> None:
    """The hint is only for packages of the extras."""
    done = call(factory, "check", hidden="mlroad.pipeline.check_repo")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_completion(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "_MLROAD_COMPLETE": "bash_complete",
        "COMP_WORDS": "mlroad da",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from mlroad.cli.main import main; main()"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["plain,dataset"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not delete a folder that is in use")
@pytest.mark.parametrize("arguments", [["check"], ["train", "m"], ["list"], ["guard", "--all"]])
def test_the_current_folder_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert exit_code(arguments) == 2
    assert capfd.readouterr().err == "The current folder was deleted. Change to one that exists.\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(errno.EROFS, "Read-only file system", "datasets/zz"),
            "datasets/zz cannot be written: Read-",
        ),
        (OSError(errno.ENOSPC, "No space left", "a.csv", None, "copy.csv"), "copy.csv cannot be written: No"),
        (OSError(errno.ENOSPC, "No space left on device"), "A file cannot be written: No space left on"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", 7), "A file cannot be written: Disk quota exceeded"),
        (PermissionError(errno.EACCES, "Permission denied", "k1.csv"), "k1.csv cannot be used: Permission"),
        (PermissionError(errno.EPERM, "Not permitted", "k1.csv"), "k1.csv cannot be used: Not permitted."),
        (
            shutil.Error([("a", Path("b/a"), "[Errno 28] No space left on device: 'a' -> 'b/a'")]),
            f"{Path('b/a')} cannot be written: No space left on device.",
        ),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "set TMPDIR"),
    ],
)
def test_a_disk_that_refuses_a_file(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: OSError, told: str
) -> None:
    """Wherever a command writes."""
    monkeypatch.setattr("mlroad.cli.dataset_versions.all_versions", Mock(side_effect=error))
    assert exit_code(["dataset", "list"]) == 2
    said = capfd.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert told in said.err


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "k1.csv"),
        OSError(errno.EIO, "Input/output error", "k1.csv"),
        PermissionError(errno.EPERM, "Operation not permitted"),
        OSError("no number"),
        shutil.Error([("a", "b/a", "[Errno 2] No such file or directory: 'a'")]),
        shutil.Error("Destination path 'b' already exists"),
    ],
)
def test_another_error_of_the_system_stays_a_traceback(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    monkeypatch.setattr("mlroad.cli.dataset_versions.all_versions", Mock(side_effect=error))
    with pytest.raises(OSError, match=re.escape(str(error))):
        exit_code(["dataset", "list"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_the_output_goes_to_a_full_disk(factory: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "mlroad", "dataset", "list"]
        done = subprocess.run(
            command, cwd=factory, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
