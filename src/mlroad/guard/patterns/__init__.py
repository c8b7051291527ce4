"""The built-in rules, most specific first: if two rules find the same token, the first one names it."""

from mlroad.guard.patterns.azure_secrets import RULES as AZURE
from mlroad.guard.patterns.generic_secrets import RULES as GENERAL
from mlroad.guard.patterns.service_tokens import PLUGIN_RULES
from mlroad.guard.patterns.service_tokens import RULES as SERVICES
from mlroad.guard.secret_rules import SecretRule

BUILT_IN_RULES: tuple[SecretRule, ...] = (*AZURE, *SERVICES, *GENERAL)

__all__ = ["BUILT_IN_RULES", "PLUGIN_RULES"]
