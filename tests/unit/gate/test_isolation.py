"""A model can read neither tokens nor the holdout's targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.gate.conftest import Factory

pytestmark = pytest.mark.slow

WORD = "SECRET"
NAMES = ("ACTIONS_ID_TOKEN_REQUEST_" + "TOKEN", "GITHUB_" + "TOKEN", "MLFLOW_TRACKING_" + "TOKEN")
ENVIRONMENT = (
    f"seen = [name for name in {NAMES!r} if name in os.environ]; "
    f"assert not seen and {WORD!r} not in str(dict(os.environ)), 'seen: ' + str(seen); return line"
)
WALK = """for start in (sys.argv[0], sys.argv[2], __file__, os.getcwd(), os.environ.get("PWD", ".")):
            for above in pathlib.Path(start).resolve().parents:
                if (above / "datasets" / "toys_holdout").exists():
                    raise ValueError("found from " + start)
        return line"""


def test_no_token_is_seen(first: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, WORD)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    first.plant(f"assert os.environ['OMP_NUM_THREADS'] == '1' and os.environ['PATH']; {ENVIRONMENT}")
    first.green()


def test_no_way_up_to_the_holdout(first: Factory) -> None:
    """No path that the model knows leads to the holdout, although its folder in the run would."""
    at_home = Path(first.run / "outputs" / "model")
    assert any((above / "datasets" / "toys_holdout").exists() for above in at_home.parents)
    first.plant("import pathlib\n        " + WALK)
    first.green()


def test_what_a_model_writes_beside_itself_stays_away(first: Factory) -> None:
    before = sorted((first.run / "outputs" / "model").rglob("*"))
    first.plant("open(os.path.join(os.path.dirname(__file__), 'new.txt'), 'w').write('x'); return line")
    first.green()
    after = sorted((first.run / "outputs" / "model").rglob("*"))
    assert not [path for path in after if path.name in ("new.txt", "__pycache__")], (before, after)
