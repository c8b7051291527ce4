"""`mlroad ui`: MLflow's web page."""

import os
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from importlib.util import find_spec

import click

from mlroad.core.problems import UserError
from mlroad.core.repo import root_here
from mlroad.core.run_folders import RUNS
from mlroad.core.uv_program import find_uv, uv_environment
from mlroad.run.tracking_address import database_of, tracking_uri

_PATIENCE = 300
"""Seconds until the page has to answer; the first start installs MLflow's server."""


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="The first port to try."
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def ui(port: int, no_browser: bool) -> None:
    """Open MLflow's page with the tracked runs of this repo.

    It runs until Ctrl-C. With MLFLOW_TRACKING_URI set to a server, that server's page opens.

    \b
    mlroad ui
    mlroad ui --port 8080 --no-browser

    Exit codes: 0 stopped, 1 the page cannot start, 2 there is no tracked run, or a wrong argument.
    """
    root = root_here().resolve()
    uri = tracking_uri(root)
    if uri.startswith(("http://", "https://")):
        click.echo(uri)
        if not no_browser:
            webbrowser.open(uri)
        return
    if "MLFLOW_TRACKING_URI" not in os.environ and not database_of(root).is_file():
        raise UserError(
            "There is no tracked run in this repo.", "Run a pipeline whose steps use MLflow: mlroad run MODEL"
        )
    port = _free(port)
    page = f"http://127.0.0.1:{port}"
    click.echo(f"{page} shows the runs. Ctrl-C stops it.")
    command = _command(uri, port)
    log = root / RUNS / "ui.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as said, subprocess.Popen(command, cwd=root, stdout=said, stderr=said) as server:
        if not no_browser:
            threading.Thread(target=_open, args=(page, port, server), daemon=True).start()
        try:
            code = server.wait()
        except KeyboardInterrupt:  # the server got it too
            server.wait()
            code = 0
    if code:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        click.echo(
            "\n".join([*tail, f"MLflow's page stopped with exit code {code}. Its log: {log}"]), err=True
        )
    sys.exit(1 if code else 0)


def _command(uri: str, port: int) -> list[str]:
    """MLflow of this environment, or else of the group `ui`; mlflow-skinny has no server."""
    options = ["--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    if find_spec("flask") and find_spec("mlflow"):
        return [sys.executable, "-m", "mlflow", "ui", *options]
    os.environ.update(uv_environment())
    return [find_uv(), "run", "--quiet", "--group", "ui", "mlflow", "ui", *options]


def _free(port: int) -> int:
    """The port, or the next one that is free."""
    for candidate in range(port, min(port + 50, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    raise UserError(f"The ports from {port} on are taken.", "Choose another one: mlroad ui --port N")


def _open(page: str, port: int, server: subprocess.Popen[bytes]) -> None:
    """Open the browser when the page answers."""
    deadline = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                webbrowser.open(page)
                return
        time.sleep(0.3)
