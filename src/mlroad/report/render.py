"""Renders the templates beside this module. Every value is escaped.

Data can never become markup: in HTML by Jinja's autoescape, in Markdown by ``escape_markdown``,
which is applied to every value that a template did not mark as markup itself.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlroad.core.text import count, percent
from mlroad.report.formatting import NONE, between, figure, megabytes, metric_name, milliseconds

_LONGEST = 400
"""Characters of one text in Markdown."""


def render(template: str, **values: object) -> str:
    """The text that a template makes of the values."""
    environment = _MARKDOWN if template.endswith(".md.jinja") else _HTML
    return environment.get_template(template).render(values)


def render_text(source: str, **values: object) -> str:
    """The same for a template of HTML that is not in this package; it may extend those that are."""
    return _HTML.from_string(source).render(values)


def escape_markdown(value: object, longest: int = _LONGEST) -> Markup:
    """A text as GitHub shows it unchanged: no HTML, no links, and no mention that notifies people."""
    if isinstance(value, Markup):
        return value
    text = re.sub(r"\s+", " ", str(_shown(value)))
    if len(text) > longest:
        text = f"{text[: longest - 1]}…"
    text = re.sub(r"[\\`*_\[\]{}#|!~]", r"\\\g<0>", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("@", "@&#8203;").replace("://", ":&#8203;//").replace("www.", "www&#8203;.")
    return Markup(text)  # noqa: S704 (escaped above)


def _markdown_code(value: object, longest: int = _LONGEST) -> Markup:
    text = re.sub(r"[`|\s<>]+", " ", str(_shown(value)))[:longest]
    return Markup(f"`{text}`")  # noqa: S704 (between backticks only these characters have a meaning)


def _html_code(value: str) -> Markup:
    return Markup("<code>{}</code>").format(value)


def _commands(text: str, code: Callable[[str], Markup], escape: Callable[[str], Markup]) -> Markup:
    """A text whose commands, which are between backticks, are shown as code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup().join(code(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces))


def _shown(value: object) -> object:
    """A dash for what is not known."""
    return NONE if value is None else value


def _thousands(value: object) -> object:
    return f"{value:,}" if isinstance(value, int) else value


def _environment(**options: Any) -> Environment:
    environment = Environment(
        loader=PackageLoader("mlroad.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    environment.filters |= {
        "between": between,
        "count": count,
        "figure": figure,
        "megabytes": megabytes,
        "metric_name": metric_name,
        "milliseconds": milliseconds,
        "percent": percent,
        "thousands": _thousands,
    }
    return environment


_HTML = _environment(finalize=_shown)
_HTML.filters["commands"] = partial(_commands, code=_html_code, escape=Markup.escape)
_MARKDOWN = _environment(finalize=escape_markdown)
_MARKDOWN.filters |= {
    "code": _markdown_code,
    "commands": partial(_commands, code=_markdown_code, escape=escape_markdown),
    "cut": escape_markdown,
}
