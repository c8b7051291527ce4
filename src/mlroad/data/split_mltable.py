"""The two sides of an MLTable are MLTables too, so that the steps that read it read them."""

from pathlib import Path

import yaml

from mlroad.core.yaml_nodes import ListNode, MapNode, read_yaml
from mlroad.data.mltable import NAME

_WRITTEN = {"encoding": "utf8", "header": "all_files_same_headers"}
"""How the files of the sides are written, whatever the source has."""


def write_like(source: Path, data: Path) -> None:
    """Write the MLTable file beside one side's data: read as in ``source``, with no other transformation."""
    root, _ = read_yaml(source / NAME)
    steps = root.get("transformations") if isinstance(root, MapNode) else None
    first = steps.items[0].plain() if isinstance(steps, ListNode) else None
    reading = first if isinstance(first, dict) else {str(first): None}
    for name, options in reading.items():
        if name == "read_delimited":
            reading[name] = {**(options or {}), **_WRITTEN}
    content = {"type": "mltable", "paths": [{"file": f"./{data.name}"}], "transformations": [reading]}
    data.with_name(NAME).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8", newline="\n")
