"""The house rules, specific kinds first: where two rules find one token, the first names it."""

from __future__ import annotations

from mlroad.guard.patterns.assignments import RULES as ASSIGNMENTS
from mlroad.guard.patterns.azure_secrets import RULES as AZURE
from mlroad.guard.patterns.general import RULES as GENERAL
from mlroad.guard.patterns.services import ENGINE_RULES
from mlroad.guard.patterns.services import RULES as SERVICES
from mlroad.guard.secret_rules import Rule

HOUSE_RULES: tuple[Rule, ...] = (*AZURE, *SERVICES, *GENERAL, *ASSIGNMENTS)

__all__ = ["ENGINE_RULES", "HOUSE_RULES"]
