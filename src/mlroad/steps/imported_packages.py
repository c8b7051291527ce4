"""The packages that the scripts of a model import, and what is installed of them."""

import ast
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

REPO_PACKAGES = frozenset({"mlroad", "factory", "notebooks", "models"})
"""What Azure ML does not have: the tool, and folders of the repo. MR403 reports their imports."""
_USUAL_NAMES = {
    "bs4": "beautifulsoup4", "cv2": "opencv-python-headless", "dateutil": "python-dateutil", "PIL": "pillow",
    "sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "pyyaml", "dotenv": "python-dotenv",
    "imblearn": "imbalanced-learn", "mlflow": "mlflow-skinny", "umap": "umap-learn", "attr": "attrs",
    "azureml": "azureml-mlflow", "fitz": "pymupdf", "docx": "python-docx", "sentence_transformers":
    "sentence-transformers", "faiss": "faiss-cpu", "jwt": "pyjwt",
}  # fmt: skip
"""Modules whose package has another name, for packages that are not installed."""


def imports_of(nodes: Iterable[ast.AST]) -> dict[str, ast.Import | ast.ImportFrom]:
    """The top-level modules that nodes import from outside the standard library, with the first statement."""
    found: dict[str, ast.Import | ast.ImportFrom] = {}
    for node in nodes:
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str() as module, level=0):
                modules = [module]
            case _:
                continue
        for module in modules:
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names and top != "__main__":
                found.setdefault(top, node)
    return found


def package_of(module: str, look: bool = True) -> str:
    """The name of the package that has a module: ``scikit-learn`` for ``sklearn``.

    Without ``look``, what is installed is not looked at: that takes a tenth of a second.
    """
    if module in _USUAL_NAMES or not look:
        return _USUAL_NAMES.get(module, normal(module))
    return next(iter(_installed().get(module, ())), module).lower().replace("_", "-")


def packages_of(module: str) -> set[str]:
    """All packages that may have a module, in lower case with hyphens."""
    return {normal(it) for it in (*_installed().get(module, ()), _USUAL_NAMES.get(module, module), module)}


def requirement(package: str) -> str:
    """The package with a range from the version that is installed: ``lightgbm>=4.6,<5``."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return package
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    if not (major.isdigit() and minor.isdigit()):
        return package
    below = f"<{int(major) + 1}" if int(major) else f"<0.{int(minor) + 1}"
    return f"{package}>={major}.{minor},{below}"


def advice_on_import_error(line: str) -> str:
    """What to do about the last line of a traceback, if that is a module that is not there; else nothing."""
    found = re.match(r"ModuleNotFoundError: No module named '(\w+)", line)
    if found is None:
        return ""
    return (
        f"Run `uv add {package_of(found[1])}`, and add the same line to environment/conda.yml of the model."
    )


def normal(name: str) -> str:
    """A package's name as the package index compares it."""
    return name.lower().replace("_", "-").replace(".", "-")


def local_modules(steps: Path) -> set[str]:
    """The modules beside the steps."""
    return {path.stem for path in steps.glob("*.py")} | {path.parent.name for path in steps.glob("*/*.py")}


@cache
def _installed() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
