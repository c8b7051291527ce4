"""The house rules, specific kinds first: where two rules find one token, the first names it."""

from __future__ import annotations

from modelkit.guard.patterns.assignments import RULES as ASSIGNMENTS
from modelkit.guard.patterns.azure import RULES as AZURE
from modelkit.guard.patterns.general import RULES as GENERAL
from modelkit.guard.patterns.services import ENGINE_RULES
from modelkit.guard.patterns.services import RULES as SERVICES
from modelkit.guard.rules import Rule

HOUSE_RULES: tuple[Rule, ...] = (*AZURE, *SERVICES, *GENERAL, *ASSIGNMENTS)

__all__ = ["ENGINE_RULES", "HOUSE_RULES"]
