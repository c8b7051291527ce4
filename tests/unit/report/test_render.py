"""Values in a template are always escaped, and no template disables that."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

import mlroad.report
from mlroad.report import render
from tests.unit.data.test_report import NASTY

TEMPLATES = sorted((Path(mlroad.report.__file__).parent / "templates").glob("*.jinja"))


def test_html_is_escaped() -> None:
    for expression in ("value", "value | commands", "value ~ value", "[value, value] | join(', ')"):
        template = render._HTML.from_string(f"{{{{ {expression} }}}}")
        for nasty in (*NASTY, "'\"`<b>`"):
            html = template.render(value=nasty).replace("<code>", "").replace("</code>", "")
            assert not set("<>\"'") & set(html), expression


def test_markdown_is_escaped_without_a_filter() -> None:
    shown = render._MARKDOWN.from_string("{{ value }}").render(value="<b> @you *x* [a](http://b) | `c`\n# d")
    assert shown == r"&lt;b&gt; @&#8203;you \*x\* \[a\](http:&#8203;//b) \| \`c\` \# d"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render._HTML.from_string("{{ no_such_value }}").render()


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_no_template_marks_data_as_markup(file: Path) -> None:
    tree = render._HTML.parse(file.read_text(encoding="utf-8"))
    assert not [found for found in tree.find_all(nodes.Filter) if found.name == "safe"]
    assert not list(tree.find_all(nodes.EvalContextModifier))
    assert not list(tree.find_all((nodes.MarkSafe, nodes.MarkSafeIfAutoescape)))
