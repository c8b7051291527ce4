"""Every estimator of scikit-learn becomes an ONNX model that answers alike, or is refused with the reason."""

import re

import pytest

from tests.unit.models import onnx_survey

pytestmark = pytest.mark.slow


def test_the_page_shows_what_is_exported_today() -> None:
    found = list(onnx_survey.survey())
    text = onnx_survey.PAGE.read_text(encoding="utf-8")
    made = onnx_survey.renewed(text, onnx_survey.table(found))
    assert text == made, "run `python -m tests.unit.models.onnx_survey`"
    said = dict(found)
    assert sum(its == "agrees" for its in said.values()) > 90
    assert [name for name, its in said.items() if its.startswith("drifts")] == []
    for name, its in said.items():
        assert its.startswith("no model") or re.fullmatch(r"agrees|refused: (The|It) .*\.", its), (name, its)
