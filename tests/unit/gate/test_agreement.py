"""What is served is judged: a model that answers single rows or a second request differently is rejected."""

from __future__ import annotations

import pytest

from tests.unit.gate.conftest import Factory

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return line if n > 1 else np.zeros(n)", "one row at a time, 191 of 191 rows"),
        ("return line + (1 < n < 30) / 2", "requests of other sizes, 15 of 191 rows"),
        ("return line + (n > 500)", "requests of other sizes, 96 of 191 rows"),
        ("return (line - line.mean()) / (line.std() or 1) * 3.6", "other rows of the request"),
        ("return line + np.arange(n) / n", "depends on the order of the rows"),
        ("return line + pd.Timestamp('now').month", "depends on the time"),
        ("return line + np.random.default_rng().normal(size=n) / 10", "is random"),
        ("return line + time.perf_counter() % 100", "depends on the time"),
        ("self.calls = getattr(self, 'calls', 0) + 1; return line + self.calls / 10", "earlier requests"),
        ("return line + time.mktime((2020, 1, 1, 0, 0, 0, 0, 1, 0)) % 97", "the time zone"),
        ("return line + hash('x') % 97", "in another process"),
        (
            "self.drawn = getattr(self, 'drawn', np.random.normal()); return line + self.drawn",
            "a random seed",
        ),
        (
            "self.size = max(getattr(self, 'size', 0), n); return line if self.size > 1 else line + 1",
            "before any table, 50 of 50 rows",
        ),
    ],
)
def test_an_answer_that_depends_on_more_than_its_row(first: Factory, body: str, words: str) -> None:
    first.plant(body)

    first.red("agreement", "failed", words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "return line if n > 1 else np.full(n, np.nan)",
            "Asked for one row at a time, the model answers NaN",
        ),
        ("return line if n > 1 else 1 / 0", "one row at a time, the model fails: ZeroDivisionError"),
        ("return line if n > 1 else np.zeros((n, 2))", "it answers a single row with 2 values, not 1"),
        ("return line if n > 1 else float(line[0])", "a bare value instead of a list for 1 row"),
        ("return line if n > 1 else [str(line[0])]", "it answers a single row with a text"),
        (
            "self.calls = getattr(self, 'calls', 0) + 1; return line if self.calls < 2 else 1 / 0",
            "time, the model fails: ZeroDivisionError",
        ),
    ],
)
def test_a_second_request_that_fails(first: Factory, body: str, words: str) -> None:
    first.plant(body)

    first.red("agreement", "broken", words)


@pytest.mark.parametrize(
    "body",
    [
        "return (3 * x1.astype('float32') - 2 * x2.astype('float32'))",
        "return np.column_stack([x1, x2]).astype('float32') @ np.array([3, -2], 'float32')",
        "np.random.seed(0); return line + np.random.normal(0, 1e-9, n)",
    ],
)
def test_rounding_is_no_disagreement(first: Factory, body: str) -> None:
    first.plant(body)

    first.green()
