"""Reads `environment:`, which says where a step's code runs, in all its forms."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from mlroad.core.yaml_nodes import MapNode, Node, ScalarNode
from mlroad.pipeline.expressions import expressions
from mlroad.pipeline.findings import Findings
from mlroad.pipeline.model import Environment
from mlroad.pipeline.repo_index import FROM_HERE, RepoIndex, absolute, exists, is_file, near_path
from mlroad.pipeline.shapes import ENVIRONMENT


def read_environment(
    node: Node, base: Path, repo: RepoIndex, out: Findings, *, bindable: bool = False
) -> Environment | None:
    """The environment in ``node``, a name or a mapping; relative paths start from the folder ``base``.

    ``bindable``: an expression is allowed, which only the server can evaluate.
    """
    if isinstance(node, MapNode):
        return _inline(node, base, repo, out)
    text = node.value if isinstance(node, ScalarNode) else None
    if not isinstance(text, str):
        fix = "Write azureml:NAME:VERSION, or below it, indented, `image:`."
        out.error(node.at, "MR127", "environment must be a name or a mapping.", fix)
        return None
    if text.startswith("azureml:") or (bindable and expressions(text)):
        return Environment(node.at, name=text.removeprefix("azureml:") if "://" not in text else text)
    if text.startswith("file:"):
        file = absolute(base / text.removeprefix("file:"))
        found, problems = repo.read(file)
        if found is None:
            what = f"The environment file {text.removeprefix('file:')} cannot be read: {problems[0].what}"
            out.error(node.at, "MR125", what, FROM_HERE)
            return None
        out.add(problems)
        return read_environment(found, file.parent, repo, out)
    fix = f"Write azureml:{text}, with a colon and its version, or below it, indented, `image: {text}`."
    out.error(node.at, "MR127", f"{text} is not a reference to an environment.", fix)
    return None


def _inline(node: MapNode, base: Path, repo: RepoIndex, out: Findings) -> Environment | None:
    if "channels" in node.values or "dependencies" in node.values:
        fix = "Indent it below `conda_file:`, and add an `image:` next to it."
        out.error(node.at, "MR127", "This is the content of a conda file, not an environment.", fix)
        return None
    ENVIRONMENT(node, "environment", out)
    conda_file: Path | None = None
    conda: dict[str, object] | None = None
    given = node.values.get("conda_file")
    if isinstance(given, MapNode):
        plain = given.plain()
        conda = plain if isinstance(plain, dict) else None
    elif isinstance(given, ScalarNode) and isinstance(given.value, str):
        conda_file = absolute(base / given.value.removeprefix("file:"))
        content, problems = repo.read(conda_file)
        if not is_file(conda_file):
            what = f"The conda file {given.value} does not exist."
            out.error(
                given.at,
                "MR125",
                what,
                near_path(conda_file),
            )
        elif problems:
            out.add(problems)
        elif not isinstance(content, MapNode):
            fix = "It must contain `dependencies:`."
            out.error(given.at, "MR125", f"{given.value} is not a conda file.", fix)
    build_context: Path | None = None
    build = node.values.get("build")
    if isinstance(build, MapNode):
        path = build.text("path")
        if path is not None and not re.match(r"https?://", path):
            build_context = absolute(base / path.removeprefix("file:"))
            if not exists(build_context):
                what = f"The build context {path} does not exist."
                out.error(build.values["path"].at, "MR125", what, FROM_HERE)
    return Environment(
        node.at,
        image=node.text("image"),
        conda_file=conda_file,
        conda=MappingProxyType(conda) if conda is not None else None,
        build_context=build_context,
    )
