"""The laws of the verdict on latency, on simulated times.

The same weights are never slower, and a model that is twice as slow in 5 % of its requests is never green
where `max_ratio` is 1.5. Few seeds here; `python -m tests.benchmarks latency_laws` has 1,000 for each.
"""

from __future__ import annotations

import pytest

from tests.unit.gate.simulated_timings import GREEN, NOISE, SAME, SLOW, SLOWER, WIDE, verdicts


@pytest.mark.parametrize("noise", [*NOISE, *WIDE])
def test_the_same_weights_are_as_fast(noise: str) -> None:
    found = verdicts(SAME, (NOISE | WIDE)[noise], range(6))

    assert found[SLOWER] == 0
    assert found[GREEN] >= 5, found


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("slow", SLOW)
def test_a_model_that_is_sometimes_slow_is_never_green(slow: str, noise: str) -> None:
    found = verdicts(SLOW[slow], NOISE[noise], range(2))

    # A slow start is hidden by many other slow requests.
    assert found[GREEN] == 0 or (slow == "the first 30 requests" and noise.startswith("1 of 5 ")), found
    assert found[SLOWER] >= (slow == "each")
