"""`mlroad ui`: it starts MLflow's server and opens its page."""

from __future__ import annotations

import socket
import sys
import webbrowser
from pathlib import Path

import pytest

from tests.unit.cli.command import Command

_SERVER = """#!{python}
import socket, sys
open("arguments", "w").write("\\n".join(sys.argv[1:]))
server = socket.create_server(("127.0.0.1", int(sys.argv[-1])))
server.accept()
sys.exit({code})
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


@pytest.fixture
def mlroad(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    (tmp_path / "datasets").mkdir()
    return Command(tmp_path, capfd, monkeypatch)


@pytest.mark.skipif(sys.platform == "win32", reason="the server of this test is a script with #!")
@pytest.mark.parametrize("code", [0, 3])
def test_the_page_opens_when_the_server_answers(
    mlroad: Command, opened: list[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """MLflow's server is not installed here, so uv runs it from the group `ui`, on the next free port."""
    uv = mlroad.repo / "uv"
    uv.write_text(_SERVER.format(python=sys.executable, code=code))
    uv.chmod(0o755)
    monkeypatch.setenv("UV", str(uv))
    (mlroad.repo / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = mlroad("ui", "--port", str(port))
    assert said.code == (1 if code else 0)
    (page,) = opened
    assert int(page.rpartition(":")[2]) > port
    assert said.out.startswith(f"{page} shows the runs.")
    arguments = (mlroad.repo / "arguments").read_text().splitlines()
    store = f"sqlite:///{(mlroad.repo / 'mlflow.db').as_posix()}"
    assert arguments[:7] == ["run", "--quiet", "--group", "ui", "mlflow", "ui", "--backend-store-uri"]
    assert arguments[7] == store


def test_no_runs_and_a_server(mlroad: Command, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = mlroad("ui")
    assert (said.code, "There is no tracked run in this repo." in said.err) == (2, True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.invalid")
    assert mlroad("ui", "--no-browser").out == "https://mlflow.example.invalid\n"
    assert opened == []
    mlroad("ui")
    assert opened == ["https://mlflow.example.invalid"]
