"""Reads `environment:`, which says where a step's code runs, in all its forms."""

import re
from pathlib import Path
from types import MappingProxyType

from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.pipeline.expressions import expressions
from mlroad.pipeline.findings import Findings
from mlroad.pipeline.model import Environment
from mlroad.pipeline.references import FILLED_IN_LATER, asset_fault
from mlroad.pipeline.repo_index import FROM_HERE, RepoIndex, absolute, exists, is_file, is_folder, near_path
from mlroad.pipeline.shapes import ENVIRONMENT

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]*)?(?:@[\w+.-]+:[0-9a-fA-F]{{32,}})?"
)
"""What Docker takes: SERVER:PORT/NAME/NAME:TAG@DIGEST."""
_CONDA_KEYS = ("name", "channels", "dependencies", "prefix", "variables", "platforms", "category")


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
        fault = None if bindable and expressions(text) else asset_fault(text, "environment")
        if fault:
            out.error(node.at, "MR127", *fault)
            return None
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
    _check_kind(node, out)
    conda_file: Path | None = None
    conda: dict[str, object] | None = None
    given = node.values.get("conda_file")
    if isinstance(given, MapNode):
        plain = given.plain()
        conda = plain if isinstance(plain, dict) else None
        _dependencies(given, out)
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
        else:
            _dependencies(content, out)
    build_context: Path | None = None
    build = node.values.get("build")
    if isinstance(build, MapNode):
        path = build.text("path")
        if path is not None and not re.match(r"https?://", path):
            build_context = absolute(base / path.removeprefix("file:"))
            if not exists(build_context):
                what = f"The build context {path} does not exist."
                out.error(build.values["path"].at, "MR125", what, near_path(build_context))
            _dockerfile(build, build_context, out)
    return Environment(
        node.at,
        image=node.text("image"),
        conda_file=conda_file,
        conda=MappingProxyType(conda) if conda is not None else None,
        build_context=build_context,
    )


def _check_kind(node: MapNode, out: Findings) -> None:
    """An environment is an image, which conda may extend, or a build context."""
    keys = node.values.keys()
    for other in ("image", "conda_file"):
        if "build" in keys and other in keys:
            what = f"{other} and build exclude each other."
            out.error(node.key_at(other), "MR116", what, f"Remove {other}, or build.")
    if "image" not in keys and "build" not in keys:
        what = "This environment has neither image nor build."
        if "conda_file" in keys:
            what = "conda_file extends an image, and there is no image."
        fix = "Add `image: …`, or name an environment of the workspace: `environment: azureml:NAME:VERSION`."
        out.error(node.at, "MR113", what, fix)
    image = node.text("image")
    if image is not None and not (_IMAGE.fullmatch(image) or FILLED_IN_LATER.search(image)):
        what = f"{image} is not the name of an image." if image.strip() else "image is empty."
        fix = "Write REGISTRY/NAME:TAG: NAME in lower-case letters, without blanks and without https://."
        out.error(node.values["image"].at, "MR127", what, fix)
    build = node.values.get("build")
    if isinstance(build, MapNode) and "path" not in build.values:
        out.error(node.key_at("build"), "MR113", "build needs path.", "Add `path: …`, the build context.")


def _dockerfile(build: MapNode, context: Path, out: Findings) -> None:
    name = build.text("dockerfile_path")
    if name and is_folder(context) and not is_file(context / name):
        what = f"The build context has no {name}."
        out.error(build.values["dockerfile_path"].at, "MR125", what, near_path(context / name))


def _dependencies(conda: MapNode, out: Findings) -> None:
    for key, key_node, _ in conda:
        near = nearest(key, _CONDA_KEYS) if key not in _CONDA_KEYS else None
        if near and near not in conda.values and near != "dependencies":
            out.warning(
                key_node.at,
                "MR127",
                f"A conda file has no key {key}; conda ignores it.",
                f"Did you mean {near}?",
            )
    given = conda.values.get("dependencies")
    if given is None:
        near = nearest("dependencies", conda.values)
        fix = f"Is {near} misspelled?" if near else "Add `dependencies:`, a list of packages."
        out.error(conda.at, "MR127", "This conda file has no dependencies.", fix)
    elif not isinstance(given, ListNode):
        out.error(given.at, "MR127", "dependencies must be a list.", "Write one `- package` per line.")
    else:
        _packages(given, out, pip=False)


def _packages(listed: ListNode, out: Findings, *, pip: bool) -> None:
    for item in listed.items:
        if isinstance(item, ScalarNode) and isinstance(item.value, str) and item.value.strip():
            continue
        inner = (
            item.values.get("pip") if isinstance(item, MapNode) and item.values.keys() == {"pip"} else None
        )
        if isinstance(inner, ListNode) and not pip:
            _packages(inner, out, pip=True)
        else:
            fix = "Write `- package`, or `- pip:` and below it, indented, one `- package` per line."
            out.error((inner or item).at, "MR127", "This is not a package.", fix)
