"""Names of versions: ``diabetes:3`` or ``diabetes@champion``, never "latest"."""

import re

from mlroad.core.problems import UserError
from mlroad.core.text import did_you_mean
from mlroad.registry.base import Registry, Version

_NAME = re.compile(r"(?P<model>[^:@\s]+)(?:(?P<mark>[:@])(?P<which>[^:@\s]+))?")


def find_version(registry: Registry, name: str, default: str | None = None) -> Version:
    """The version that ``name`` means. Without a number or alias, the one with the alias ``default``.

    Raises UserError, with a list of what exists.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise UserError(
            f"{name!r} is not the name of a version.", "Write model:number or model@alias, as in diabetes:3."
        )
    model, mark, which = found["model"].removeprefix("models/"), found["mark"], found["which"]
    if which is None:
        if default is None:
            raise UserError(f"Which version of {model}?", f"Write {model}:number or {model}@champion.")
        mark, which = "@", default
    if which.lower() == "latest":
        raise UserError(
            f"{name} could be another version tomorrow.", f"Write {model}:number, or {model}@candidate."
        )
    if mark == ":":
        if not re.fullmatch(r"[1-9][0-9]{0,8}", which):
            raise UserError(f"{which} is not a version.", f"Versions are numbers, as in {model}:3.")
        return registry.version(model, int(which))
    version = registry.by_alias(model, which)
    if version is None:
        raise UserError(f"No version of {model} is {which}.", _there_are(registry, model))
    return version


def _there_are(registry: Registry, model: str) -> str:
    versions = registry.versions(model)
    if not versions:
        names = registry.models()
        return f"{did_you_mean(model, names)} Registered models: {', '.join(names) or 'none'}.".strip()
    aliases = sorted({f"{alias} ({version.number})" for version in versions for alias in version.aliases})
    return (
        f"It has {len(versions)} version{'s'[: len(versions) != 1]}; aliases: {', '.join(aliases) or 'none'}."
    )
