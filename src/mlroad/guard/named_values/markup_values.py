"""Names and values of XML and HTML elements: ``<password>…</password>``, ``<property name="password">…``."""

import re
from collections.abc import Iterator

from mlroad.guard.named_values.named_value import NamedValue, worth_a_look
from mlroad.guard.secret_names import Promise, promise

_ELEMENT = re.compile(
    r"<(?P<tag>[\w.:-]{1,80})(?P<attributes>\s[^<>]{0,300})?>\s{0,60}(?P<value>[^<>\s][^<>]{4,500})</"
)
_ATTRIBUTE = re.compile(r"(?:name|key|id)\s*=\s*[\"']([^\"']{1,100})[\"']", re.IGNORECASE)
_NAMED = re.compile(r"\s*<(?:key|name|string)>([^<>]{1,100})</(?:key|name|string)>\s*$")


def markup_values(text: str) -> Iterator[NamedValue]:
    """The text of each element with its tag, its name attribute, or the ``<key>`` element before it."""
    for match in _ELEMENT.finditer(text):
        value = match["value"].strip()
        if not worth_a_look(value):
            continue
        named = _ATTRIBUTE.search(match["attributes"] or "")
        names = [named[1]] if named else []
        if promise(match["tag"]) is not Promise.GENERIC and match["tag"] != "string":
            names.append(match["tag"])
        if not named and (before := _NAMED.search(text, max(0, match.start() - 200), match.start())):
            names = [before[1]]
        yield NamedValue(value, match.start("value"), tuple(names))
