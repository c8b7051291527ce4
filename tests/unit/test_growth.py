"""No command takes time that grows faster than its input: logs, YAML, scripts, notebooks, pipelines."""

from __future__ import annotations

from mlroad.run.plain_display import without_overwritten
from tests.growth import assert_linear


def test_a_log_with_a_carriage_return_and_a_long_line() -> None:
    assert_linear(lambda size: b"50%\r100%\n" + b"x" * size + b"\n", without_overwritten, 60_000)
    assert without_overwritten(b"10%\r50%\rdone\r\n\r\nplain\n") == b"done\r\n\r\nplain\n"
