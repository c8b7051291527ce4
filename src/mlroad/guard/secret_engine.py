"""detect-secrets with ML Road's plugins and filters, which must all be present.

Settings that miss secrets by default are off: filters hide ``client(api_key="...")``, values after
``client_id=``, and passwords that begin with a dollar sign; the GitHub and GitLab plugins match only
the prefix of a token. Entropy plugins are off because of false alarms.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mlroad.core.problems import UserError
from mlroad.guard.patterns import BUILT_IN_RULES, PLUGIN_RULES
from mlroad.guard.secret_rules import RuleMatch

PLUGIN_FILE = Path(__file__).with_name("detect_secrets_plugin.py")
_COMPARED = 200
_REINSTALL = "Run `uv sync --reinstall-package mlroad` and try again."
FILTERS = ("detect_secrets.filters.allowlist.is_line_allowlisted",)


@dataclass(frozen=True, slots=True)
class EngineFinding:
    """A secret that the engine reports, with its line (from 1)."""

    line: int
    kind: str
    secret: str


class SecretEngine:
    """detect-secrets, loaded. Create it with ``open_secret_engine``."""

    def __init__(self, plugins: Sequence[Any], filters: Sequence[Any]) -> None:
        self.plugins = plugins
        self._filters = filters

    def scan(
        self, name: str, lines: list[str], found_by_line: Mapping[int, list[RuleMatch]]
    ) -> list[EngineFinding]:
        """Let the plugins and filters judge the lines (from 1) in which the rules found something."""
        # detect_secrets is imported only for suspicious lines: that takes longer than a whole clean scan.
        from detect_secrets.util.code_snippet import get_code_snippet

        found: list[EngineFinding] = []
        for plugin in self.plugins:
            if hasattr(plugin, "known"):
                plugin.known = found_by_line
        for number in sorted(found_by_line):
            line = lines[number - 1].rstrip()
            context = get_code_snippet(lines, number, lines_of_context=1)
            facts: dict[str, Any] = {"filename": name, "line": line, "context": context}
            if self._hidden(facts, {"line"}):
                continue
            for plugin in self.plugins:
                for secret in plugin.analyze_line(
                    filename=name, line=line, line_number=number, context=context
                ):
                    value = secret.secret_value
                    if not self._hidden({**facts, "secret": value}, {"secret"}):
                        found.append(EngineFinding(number, secret.type, value))
        return _specific(found)

    def _hidden(self, facts: dict[str, Any], needed: set[str]) -> bool:
        from detect_secrets.util.inject import call_function_with_arguments

        return any(
            call_function_with_arguments(function, **facts)
            for function in self._filters
            if needed <= function.injectable_variables
        )


@contextmanager
def open_secret_engine(house_file: Path | None, plugin: Path = PLUGIN_FILE) -> Iterator[SecretEngine]:
    """Load detect-secrets. Raises UserError if it, a plugin or a filter is missing."""
    try:
        from detect_secrets.core.log import log
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
        from detect_secrets.settings import get_filters, get_plugins, transient_settings
    except ImportError as error:
        raise UserError(
            f"detect-secrets cannot be loaded ({error}).", "Run `uv sync` and try again."
        ) from error
    own: dict[str, Any] = {"name": "MlroadDetector", "path": f"file://{plugin}"}
    if house_file:
        own["house_file"] = str(house_file)
    config = {
        "plugins_used": [own, *({"name": name} for name in PLUGIN_RULES)],
        "filters_used": [{"path": path} for path in FILTERS],
    }
    get_mapping_from_secret_type_to_class.cache_clear()  # it caches the plugins of an earlier load
    log.setLevel("CRITICAL")  # errors are reported below, once
    with transient_settings(config):
        try:
            plugins, filters = get_plugins(), get_filters()
        except (TypeError, FileNotFoundError, ImportError) as error:
            reason = str(error) or "it has no MlroadDetector"
            raise UserError(
                f"The plugin of the secret scan cannot be loaded: {plugin} ({reason}).", _REINSTALL
            ) from error
        filters = [function for function in filters if function.path in FILTERS]
        _require({"MlroadDetector", *PLUGIN_RULES}, {type(item).__name__ for item in plugins}, "plugin")
        _require(set(FILTERS), {function.path for function in filters}, "filter")
        yield SecretEngine(plugins, filters)


def _require(expected: set[str], loaded: set[str], what: str) -> None:
    missing = sorted(expected - loaded)
    if missing:
        raise UserError(
            f"The secret scan lacks its {what} {', '.join(missing)}.", "Run `uv sync` and try again."
        )


def _specific(found: list[EngineFinding]) -> list[EngineFinding]:
    """One finding per token: if kinds overlap in a line, keep the most specific one."""
    order = {rule.kind: index for index, rule in reversed(list(enumerate(BUILT_IN_RULES)))}
    last = len(BUILT_IN_RULES)
    ordered = sorted(
        set(found), key=lambda item: (item.line, order.get(item.kind, last), -len(item.secret), item.kind)
    )
    kept: list[EngineFinding] = []
    for _, items in groupby(ordered, key=lambda item: item.line):
        in_line: list[EngineFinding] = []
        for item in items:
            # A line with hundreds of secrets is data: comparing each with each would take too long.
            overlaps = in_line[:_COMPARED]
            if not any(item.secret in other.secret or other.secret in item.secret for other in overlaps):
                in_line.append(item)
        kept += in_line
    return kept
