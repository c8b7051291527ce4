"""A YAML file as one flat table of keys and values, so that any difference between two versions can be named.

``metrics: {mae: {limit: 60}}`` is ``metrics.mae.limit: 60``; a slice is named by its column and metric. In
gates.yml keys that are not written have their defaults, so writing a default changes nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from mlroad.gate.gates_file import MIN_ROWS, Bootstrap

Settings = dict[str, str | float | bool | None]


def settings_of(file: Path) -> Settings:
    """The settings in a gates.yml that can be read."""
    return flat_settings(file.read_text(encoding="utf-8"))


def flat_settings(text: str) -> Settings:
    """The same for the content of one; empty if it is not a mapping."""
    found = dict(flat(text))
    defaults = {f"bootstrap.{name}": value for name, value in asdict(Bootstrap()).items()}
    return dict(sorted((defaults | found).items())) if found else {}


def flat(text: str) -> list[tuple[str, str | float | bool | None]]:
    """The keys of a YAML file and their values; none if it is not a mapping."""
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # a date such as 2026-13-45
        return []
    return list(_flat("", content)) if isinstance(content, dict) else []


def _flat(key: str, value: Any) -> Iterator[tuple[str, str | float | bool | None]]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), below)
    elif key == "slices" and isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping):
                fields = {"min_rows": MIN_ROWS, **item}
                name = f"slices.{fields.pop('column', '')}.{fields.pop('metric', '')}"
                yield from _flat(name, fields)
    elif isinstance(value, list):
        yield key, json.dumps(value, ensure_ascii=False, default=str)
    elif isinstance(value, str | int | float | bool) or value is None:
        yield key, value
    else:  # a date
        yield key, str(value)
