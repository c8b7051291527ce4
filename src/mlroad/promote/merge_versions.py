"""Merge a prototype's new version with the factory's edits, three ways, by git.

The base is what was promoted before, as the factory took it. Each side is a tree of the whole factory that
differs only in the model's folder, so git sees renames and deletions as in any merge.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlroad.core.problems import UserError
from mlroad.promote.read_commit import contents_of, entries
from mlroad.promote.take import Taken
from mlroad.promote.workbench import Blob, Files, Workbench, write_files
from mlroad.steps.components import IS_GENERATED, IS_YOURS
from mlroad.steps.sync import sync


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge: a tree of the factory, and the files with conflicts."""

    tree: str
    conflicts: tuple[str, ...] = ()
    base: str = ""
    """The commit that is the base; ``theirs`` is its child with the prototype's new version."""
    theirs: str = ""


def as_in_factory(bench: Workbench, taken: Taken, replaced: Mapping[str, str]) -> Files:
    """The model's files as the factory has them: its name, its dataset versions, and what sync generates."""
    files = dict(taken.files)
    if taken.model != taken.name:
        suite = f"models/{taken.name}/inference_tests/suite.yml"
        named = re.sub(rb"(?m)^model:.*$", f"model: {taken.name}".encode(), files[suite].data)
        files[suite] = replace(files[suite], data=named)
    pipeline = f"models/{taken.name}/pipeline.yml"
    text = files[pipeline].data
    for old, new in replaced.items():
        pattern = rf"azureml:{re.escape(old)}(?![\w.-])"
        text = re.sub(pattern.encode(), f"azureml:{new}".encode(), text)
    files[pipeline] = replace(files[pipeline], data=text)
    return _synced(bench, files, taken.name)


def first_version(bench: Workbench, taken: Taken, replaced: Mapping[str, str]) -> Merged:
    """The tree of a model that the factory does not have yet."""
    return Merged(bench.tree(taken.name, as_in_factory(bench, taken, replaced)))


def merge_versions(bench: Workbench, name: str, base: Files, theirs: Files, tag: str) -> Merged:
    """Merge two versions of the prototype with the model as the factory's commit has it."""
    head = bench.head
    ours = contents_of(bench, entries(bench, head, f"models/{name}/"))
    # The generated half of a component follows from its script: two edits of it are not a conflict.
    trees = [bench.tree(name, _without_generated(side)) for side in (base, ours, theirs)]
    merged = merge_trees(bench, trees[0], trees[1], trees[2], tag)
    if not merged.conflicts:
        return merged
    # The person who resolves the conflicts sees complete files.
    base_commit = bench.commit(bench.tree(name, base), "What was promoted before", head)
    theirs_commit = bench.commit(bench.tree(name, theirs), f"The prototype at {tag}", base_commit)
    return replace(merged, base=base_commit, theirs=theirs_commit)


def merge_trees(bench: Workbench, base: str, ours: str, theirs: str, tag: str) -> Merged:
    """Merge trees by `git merge-tree`. Raises UserError if this git cannot do it."""
    root = bench.commit(base, "base")
    for ref, tree in (("factory", ours), (f"prototype/{tag}", theirs)):
        bench.run("update-ref", f"refs/heads/{ref}", bench.commit(tree, ref, root))
    options = ("--write-tree", "--name-only", "--no-messages", "-z")
    done = bench.run("merge-tree", *options, "factory", f"prototype/{tag}", check=False)
    if done.code not in (0, 1):
        what = f"This git cannot merge a promotion: {done.reason}."
        raise UserError(what, "Install git 2.38 or newer.")
    tree, *conflicts = done.names
    return Merged(tree, tuple(dict.fromkeys(conflicts)))


def _without_generated(files: Files) -> Files:
    """The files, with the components' generated halves left out."""
    return {path: _own_half(path, blob) for path, blob in files.items()}


def _own_half(path: str, blob: Blob) -> Blob:
    if not re.fullmatch(r"models/[^/]+/components/[^/]+\.yml", path):
        return blob
    text = blob.data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    mark = IS_YOURS.search(text)
    if not IS_GENERATED.match(text) or mark is None:
        return blob
    first = text.partition("\n")[0]
    return replace(blob, data=f"{first}\n{text[mark.start() :]}".encode("utf-8", "surrogateescape"))


def _synced(bench: Workbench, files: Files, name: str) -> Files:
    """The files after `mlroad sync`; as they are if a script cannot be read, which the check reports."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as temporary:
        root = Path(temporary)
        write_files(root, files)
        try:
            changes = sync([root / "models" / name])
        except UserError:
            return files
        found = dict(files)
        for change in changes:
            path = change.path.relative_to(root).as_posix()
            if change.text is None:
                del found[path]
            else:
                found[path] = Blob(found[path].mode if path in found else "100644", change.text.encode())
    return found
