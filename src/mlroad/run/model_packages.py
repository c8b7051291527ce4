"""The versions of the packages that an MLflow model names."""

import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_PACKAGE = re.compile(r"(python|pip)\b(?!-)")
_PIN = re.compile(r"==\s*([^\s,*]+)")


def installed_packages(model: Path) -> dict[str, str]:
    """The installed versions, on the machine that trained the model; those that are pinned otherwise."""
    found = {}
    for name, pin in _packages(model):
        with suppress(PackageNotFoundError):
            pin = version(name)  # noqa: PLW2901 (what is installed counts)
        if pin:
            found[name] = pin
    return found


def pinned_packages(model: Path) -> dict[str, str]:
    """The pinned versions only, of a model that was trained elsewhere."""
    return {name: pin for name, pin in _packages(model) if pin}


def _packages(model: Path) -> Iterator[tuple[str, str]]:
    for line in _requirements(model):
        if name := _PACKAGE.match(line):
            pin = _PIN.search(line)
            yield name[0], pin[1] if pin else ""


def _requirements(model: Path) -> Iterator[str]:
    """The lines of requirements.txt, or else the packages in conda.yaml."""
    file = model / "requirements.txt"
    with suppress(OSError, ValueError, AttributeError, yaml.YAMLError):
        if file.is_file():
            lines = file.read_text(encoding="utf-8").splitlines()
        else:
            content = yaml.safe_load((model / "conda.yaml").read_text(encoding="utf-8"))
            items = content.get("dependencies") or []
            lines = [item for item in items if isinstance(item, str) and not _NO_PACKAGE.match(item)]
            lines += [str(line) for item in items if isinstance(item, dict) for line in item.get("pip") or []]
        for line in lines:
            yield line.split("#")[0].split(";")[0].strip()
