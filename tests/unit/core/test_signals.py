"""The signals that end a process are handled in a block, and as before after it."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager

import pytest

from mlroad.core.signals import ignored, raising


@pytest.mark.parametrize("block", [raising(SystemExit), ignored()])
def test_after_the_block_everything_is_as_before(block: AbstractContextManager[None]) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ValueError, match="it failed"), block:
        assert [signal.getsignal(number) for number in numbers] != before
        raise ValueError("it failed")
    assert [signal.getsignal(number) for number in numbers] == before


def test_in_the_block_a_signal_raises_or_does_nothing() -> None:
    with pytest.raises(SystemExit) as stopped, raising(SystemExit):
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.code == signal.SIGTERM
    with ignored():
        signal.raise_signal(signal.SIGTERM)
