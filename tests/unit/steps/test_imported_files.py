"""Which files of a code folder a command can run: never too few, and not all of them without a reason."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlroad.steps.imported_files import imported_files

_FOLDER = {
    "a.py": "",
    "b.py": "import c",
    "c.py": "",
    "other.py": "if",
    "pkg/__init__.py": "",
    "pkg/x.py": "from . import y\nfrom ..c import z",
    "pkg/y.py": "import b",
    "pkg/sub/__init__.py": "from pkg.sub.deep import *",
    "pkg/sub/deep.py": "",
    "space/m.py": "",
    "data.json": "",
}
_ALL = None


def _made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _found(folder: Path, text: str, command: str = "python a.py --x data") -> set[str] | None:
    imported = imported_files(command, _made(folder, {**_FOLDER, "a.py": text}))
    return {*imported.scripts, *imported.modules} - {"a.py"} if imported else None


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("import os, numpy", set()),
        ("import b", {"b.py", "c.py"}),
        ("def f():\n    if 0:\n        from b import thing as t", {"b.py", "c.py"}),
        ("import pkg", {"pkg/__init__.py"}),
        ("import pkg.sub.deep", {"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"}),
        ("from pkg import x", {"pkg/__init__.py", "pkg/x.py", "pkg/y.py", "b.py", "c.py"}),
        ("from pkg.y import b", {"pkg/__init__.py", "pkg/y.py", "b.py", "c.py"}),
        ("from space import m", {"space/m.py"}),
        ("from pkg import *", {"pkg/__init__.py", "pkg/x.py", "pkg/y.py", "pkg/sub/__init__.py",
                               "pkg/sub/deep.py", "b.py", "c.py"}),
        ('"""See other.py and importlib."""\nx = 1  # exec(other.py)', set()),
        ("model.eval(); model.compile(); re.compile('x'); platform.system()", set()),
        ("from importlib import metadata, resources\nimport importlib.metadata", set()),
        ("from pathlib import Path\nPath(__file__).with_name('data.json')", set()),
        ("for f in prepared.iterdir(): f.open()", set()),
        ("text.split('.')", set()),
        # Whatever loads code in another way makes every file count.
        ("import importlib\nimportlib.import_module('other')", _ALL),
        ("from importlib import import_module as load", _ALL),
        ("__import__('other')", _ALL),
        ("import runpy\nrunpy.run_path('other')", _ALL),
        ("from subprocess import run", _ALL),
        ("import os\nos.system('make')", _ALL),
        ("from os import system", _ALL),
        ("import os\nos.execv('python', [])", _ALL),
        ("exec(open(name).read())", _ALL),
        ("open('other.py')", _ALL),
        ("f'{name}.py'", _ALL),
        ("import sys\nsys.path.insert(0, 'pkg')", _ALL),
        ("from sys import path", _ALL),
        ("import pkgutil", _ALL),
        ("import os\nos.listdir()", _ALL),
        ("import os\nfor x in os.walk('.'): pass", _ALL),
        ("from pathlib import Path\nHERE = Path(__file__).parent\nlist(HERE.iterdir())", _ALL),
        ("import mlflow\nmlflow.pyfunc.save_model(m, code_paths=['.'])", _ALL),
        ("import other", _ALL),
        ("from ... import x", _ALL),
    ],
)  # fmt: skip
def test_imports(tmp_path: Path, text: str, files: set[str] | None) -> None:
    assert _found(tmp_path, text) == files


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("python a.py", {"b.py", "c.py"}),
        ("python3.11 -u ./a.py --x data", {"b.py", "c.py"}),
        ('python a.py --x "with space" \\\n  --y 1\n', {"b.py", "c.py"}),
        ("python -m a --x 1", {"b.py", "c.py"}),
        ("python -m pkg.y", {"pkg/__init__.py", "pkg/y.py", "b.py", "c.py"}),
        ("python -m other_tool", _ALL),
        ("python space/m.py", {"space/m.py"}),
        ("python -c 'import b'", _ALL),
        ("python ../a.py", _ALL),
        ("python missing.py", _ALL),
        ("python a.py && python b.py", _ALL),
        ("python a.py --with other.py", _ALL),
        ("python a.py $(cat other)", _ALL),
        ("python a.py > log", _ALL),
        ("torchrun a.py", _ALL),
        ("bash a.sh", _ALL),
        ("python a.py 'unclosed", _ALL),
        ("", _ALL),
    ],
)
def test_commands(tmp_path: Path, command: str, files: set[str] | None) -> None:
    assert _found(tmp_path, "import b", command) == files


def test_a_module_with_a_name_of_the_standard_library(tmp_path: Path) -> None:
    """pandas imports `statistics` too, and gets the one of the folder."""
    _made(tmp_path, {"statistics.py": ""})
    assert _found(tmp_path, "import pandas") == {"statistics.py"}


def test_a_script_that_unpickles(tmp_path: Path) -> None:
    for text, expected in (
        ("import joblib", True),
        ("mlflow.pyfunc.load_model(x)", True),
        ("import b", False),
    ):
        _found(tmp_path, text)
        imported = imported_files("python a.py", tmp_path)
        assert imported and imported.unpickles is expected, text


_NAMES = ("m0", "m1", "m2", "p.m3", "p.m4", "p.q.m5")
_FORMS = ("import {0}", "import {0} as z", "from {1} import {2}", "def f():\n    import {0}\nf()",
          "try:\n    from {0} import *\nfinally:\n    pass")  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(range(6)), st.sampled_from(range(6)), st.sampled_from(_FORMS)), max_size=9
    )
)
def test_no_file_that_python_loads_is_left_out(edges: list[tuple[int, int, str]]) -> None:
    """For random import graphs (cycles too): the files that Python really loads are among those found."""
    lines = {name: ["loaded.append(__file__)"] for name in _NAMES}
    for source, target, form in edges:
        package, _, last = _NAMES[target].rpartition(".")
        plain = "import {0}" if not package and "{1}" in form else form
        lines[_NAMES[source]].append(plain.format(_NAMES[target], package, last))
    head = "from builtins import loaded\n"
    with tempfile.TemporaryDirectory() as place:
        folder = _made(
            Path(place),
            {f"{name.replace('.', '/')}.py": head + "\n".join(text) for name, text in lines.items()}
            | {"p/__init__.py": head + "loaded.append(__file__)", "p/q/__init__.py": ""},
        )
        loaded = _loaded(folder)
        imported = imported_files("python m0.py", folder)
        assert imported is not None
        assert loaded <= {*imported.scripts, *imported.modules}


def _loaded(folder: Path) -> set[str]:
    import builtins
    import runpy

    known, found = set(sys.modules), list[str]()
    builtins.loaded = found  # type: ignore[attr-defined]
    sys.path.insert(0, str(folder))
    try:
        runpy.run_path(str(folder / "m0.py"), run_name="__main__")
    finally:
        sys.path.remove(str(folder))
        del builtins.loaded  # type: ignore[attr-defined]
        for name in set(sys.modules) - known:
            del sys.modules[name]
    return {Path(name).relative_to(folder).as_posix() for name in found}
