"""Passwords and keys that are recognisable only by a name: ``password = "..."``, ``API_KEY=...``."""

from __future__ import annotations

import re

from mlroad.guard.false_positives import is_about, is_password, is_placeholder, is_public_name, is_random
from mlroad.guard.secret_rules import SecretRule, secret_of

_WORDS = "pass(?:word|wd|phrase)|pwd|secret|token|credentials?|key|sas|pat|conn(?:ection)?_?str(?:ing)?"
_NAME = rf"(?i:(?P<word>{_WORDS}))(?P<rest>[\w-]{{0,40}})"
_KEYWORDS = ("passw", "passphrase", "pwd", "secret", "token", "credential", "key", "sas", "pat", "conn")
# The value of a quoted string, also in an escaped one (JSON in a string).
_QUOTED = r"\\?(?P<quote>[\"'`])(?P<secret>(?:(?!(?P=quote))[^\\\n]){6,500}?)\\?(?P=quote)"


def _accept(match: re.Match[str]) -> bool:
    name, value = _name(match), secret_of(match)
    rest = match["rest"]
    if is_about(rest) or (match["word"].lower() in ("key", "token", "pat", "sas") and is_public_name(name)):
        return False
    word = match["word"].lower()
    if word.startswith("pass") or word == "pwd":
        return is_password(value) or is_random(value)
    if word == "key" and not _is_secret_key(name + match["word"] + rest):
        return False
    if (
        word in ("sas", "pat")
        and name
        and name[-1].isalpha()
        and name[-1].islower() == match["word"][0].islower()
    ):
        return False  # part of a longer word: path, patch, spatial
    if word == "pat" and _LONGER_WORD.match(rest):
        return False
    if word.startswith("secret") and _is_strong_password(value):
        return True
    return is_random(value)


# Endings that make "pat" a different word: path, patch, patent, patient, patrol, pattern.
_LONGER_WORD = re.compile(r"(?i)h|ch|ent|ient|rol|tern")


def _name(match: re.Match[str]) -> str:
    """The part of the name before the word: ``AZURE_STORAGE_`` of ``AZURE_STORAGE_KEY``."""
    before = match.string[max(0, match.start("word") - 60) : match.start("word")]
    found = re.search(r"[\w.-]*$", before)
    return found[0] if found else ""


_SECRET_KEY = re.compile(
    r"(?i)(?:api|app|access|account|auth|admin|query|client|private|priv|secret|master|primary|secondary|shared|signing|sign"
    r"|encryption|encrypt|crypt|license|subscription|endpoint|function|func|host|service|storage|search|cosmos|batch|maps"
    r"|redis|signalr|hub|bus|openai|cognitive|azure|aml|azureml|ml|speech|vision|translator|db|database|wandb|gemini|google"
    r"|llm|model|deploy|integration|write|read|ingest|functions|x|hmac|jwt|session|cookie|flask|django)[\w.-]{0,20}?key\w*$"
)


def _is_secret_key(name: str) -> bool:
    return bool(_SECRET_KEY.search(name))


def _is_strong_password(value: str) -> bool:
    # All four kinds of characters: too short for a generated token, but surely a password.
    kinds = sum(bool(re.search(part, value)) for part in ("[a-z]", "[A-Z]", r"\d", r"[^\w\s./:-]"))
    return kinds == 4 and is_password(value)


def _accept_plain(match: re.Match[str]) -> bool:
    value = secret_of(match)
    # Exclude code: a call, an index, an attribute.
    return not re.search(r"[()\[\]{}]|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$", value) and _accept(match)


def _accept_argument(match: re.Match[str]) -> bool:
    return not is_placeholder(secret_of(match)) and _accept(match)


RULES: tuple[SecretRule, ...] = (
    SecretRule(
        "Password or key in an assignment",
        "assignment",
        rf"{_NAME}\\?[\"'\])]{{0,3}}\s{{0,20}}(?::\s*[A-Za-z][\w.\[\] |]{{0,40}}\s*)?"
        rf"(?:=>|:=|={{1,3}}|!={{1,2}}|:)\s{{0,20}}[\[(]?[rbfuRBFU@]{{0,2}}{_QUOTED}",
        _KEYWORDS,
        _accept,
    ),
    SecretRule(
        "Password or key in an assignment",
        "assignment",
        # .env, YAML, INI, shell, Dockerfile: no quotes, the value ends the line.
        r"(?m)^[ \t]*(?:export\s+|setx?\s+|ENV\s+|ARG\s+|-\s+|\$env:|[!%]\s*(?:export|env|set_env)\s+|#\s*)?"
        rf"[\w.-]{{0,60}}?{_NAME}[ \t]*(?:=|:(?=[ \t]))[ \t]*(?P<secret>[^\s\"'`,;]{{6,500}})"
        r"[ \t]*(?:[#;].*)?\r?$",
        _KEYWORDS,
        _accept_plain,
    ),
    SecretRule(
        "Password or key as a default value",
        "assignment",
        # os.getenv("DB_PASSWORD", "...") and os.environ.setdefault("TOKEN", "...")
        rf"(?:getenv|environ\.get|environ\.setdefault|setenv|set_secret)\(\s*[\"'][\w.-]{{0,60}}?(?i:(?P<word>{_WORDS}))"
        rf"(?P<rest>[\w-]{{0,40}})[\"']\s*,\s*{_QUOTED}",
        ("getenv", "environ.", "setenv", "set_secret"),
        _accept_argument,
    ),
    SecretRule(
        "Password or key in XML",
        "assignment",
        rf"<(?:[\w.:-]{{0,40}}?)(?i:(?P<word>{_WORDS}))(?P<rest>[\w-]{{0,40}})>(?P<secret>[^<>\s]{{6,500}})</",
        ("passw", "pwd", "secret", "token", "key"),
        _accept,
    ),
    SecretRule(
        "Password or key in XML",
        "assignment",
        rf"<add\s+key=\"[\w.:-]{{0,60}}?(?i:(?P<word>{_WORDS}))(?P<rest>[\w-]{{0,40}})\"\s+value=\"(?P<secret>[^\"\s]{{6,500}})\"",
        ("<add",),
        _accept,
    ),
)
