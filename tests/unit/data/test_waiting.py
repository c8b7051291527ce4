"""A long `add` shows that it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from mlroad.core.waiting import waiting

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")


def test_a_log_gets_a_line_now_and_then(capfd: pytest.CaptureFixture[str]) -> None:
    with waiting("Adding big.csv", every=0.02):
        time.sleep(0.2)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("Adding big.csv: 0.") for line in lines)


def test_quick_work_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="boom"), waiting("Adding small.csv"):
        raise ValueError("boom")
    assert capfd.readouterr().err == ""


def test_a_terminal_shows_the_elapsed_time() -> None:
    main, other = pty.openpty()
    code = "import time, mlroad.core.waiting as w\nwith w.waiting('Adding big.csv'): time.sleep(0.3)"
    terminal = {**os.environ, "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", code], stderr=other, env=terminal, check=True)
    assert b"Adding big.csv" in os.read(main, 100_000)
