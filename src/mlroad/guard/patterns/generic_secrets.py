"""Secrets of no particular vendor: private keys, passwords in URLs, headers, command lines and netrc."""

from __future__ import annotations

import base64
import re

from mlroad.guard.false_positives import is_password, is_placeholder, is_random, is_reference, words
from mlroad.guard.secret_rules import SecretRule, anything, secret_of


def _key_material(match: re.Match[str]) -> bool:
    # A header without a body is only text about keys.
    return len(set(match["body"])) >= 12 and not is_placeholder(match["body"])


def _url_password(match: re.Match[str]) -> bool:
    value, user = secret_of(match), match["user"]
    if value.isdigit() or value == user or is_placeholder(value) or is_reference(value):
        return False
    if re.search(r"^[{<\[(%$*]|[{<(].*[)}>]|\\", value) or len(set(value)) < 3:
        return False
    return value.lower() not in _PLACEHOLDERS


_PLACEHOLDERS = words(
    """
    password passwd pass pwd secret token pat apikey api_key key user username login mypassword
    my_password pw host x xxx p auth credentials tiger bar
    """
)


def _bearer(match: re.Match[str]) -> bool:
    return is_random(secret_of(match), least=20)


def _basic(match: re.Match[str]) -> bool:
    try:
        plain = base64.b64decode(secret_of(match), validate=True).decode("utf-8")
    except ValueError:
        return False
    _, colon, password = plain.partition(":")
    return bool(colon) and bool(password) and password.isprintable() and not is_placeholder(password)


def _option(match: re.Match[str]) -> bool:
    return is_password(secret_of(match)) or is_random(secret_of(match))


RULES: tuple[SecretRule, ...] = (
    SecretRule(
        "Private key",
        "private key",
        # The body may follow on the next lines, be escaped as \n in JSON, or be quoted line by line.
        r"(?P<secret>-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\+[nr]|[\s\"',+>#|-]){1,40}"
        r"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n\\]{1,100}(?:\\+[nr]|[\s\"',+>#|-]){1,40}){0,4}"
        r"(?P<body>[A-Za-z0-9+/=]{24,})(?:(?:\\+[nr]|[\s\"',+>#|]){1,20}[A-Za-z0-9+/=]{1,})*)",
        ("PRIVATE KEY",),
        _key_material,
        extra_lines=80,
    ),
    SecretRule(
        "PuTTY private key",
        "private key",
        r"PuTTY-User-Key-File-[23]: (?P<body>[\w-]{6,40})",
        ("PuTTY-User-Key-File-",),
        anything,
    ),
    SecretRule(
        "Password in a URL",
        "url",
        r"(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://(?P<user>[^\s:/?#@\"'<>`{}\[\]()]{0,100}):"
        r"(?P<secret>[^\s@/?#\"'<>`]{3,200})@(?=[\w\[$%{<.-])",
        ("://",),
        _url_password,
    ),
    SecretRule(
        "Bearer token",
        "header",
        r"(?i:\bbearer)\s+(?P<secret>[A-Za-z0-9._~+/-]{20,2000}=*)",
        ("bearer",),
        _bearer,
    ),
    SecretRule(
        "Basic authorization header",
        "header",
        r"(?i:\bauthorization\b[\"']?\s*[:=]\s*[\"']?basic)\s+(?P<secret>[A-Za-z0-9+/]{8,400}={0,2})",
        ("authorization",),
        _basic,
    ),
    SecretRule(
        "Password on a command line",
        "command",
        r"(?i:\s--?(?:password|passwd|pwd|token|api-?key|account-key|client-secret|secret|admin-password|sas-token"
        r"|connection-string))(?:\s+|=)[\"']?(?P<secret>[^\s\"'\\;|&<>`]{6,300})",
        ("-p", "-t", "-a", "-c", "-s"),
        _option,
    ),
    SecretRule(
        "Password on a command line",
        "command",
        r"\b(?:curl|wget)\b[^\n]{0,300}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"'$<{]{1,100}:"
        r"(?P<secret>[^\s\"'\\;|&<>`]{6,200})",
        ("curl", "wget"),
        _option,
    ),
    SecretRule(
        "Password on a command line",
        "command",
        # HTTPie and xh, followed by a space, so that it is not an address.
        r"(?<![\w.-])(?:https?|xhs?)\s(?:[^\n]{0,300}?\s)?(?:-a|--auth)[ =]?[\"']?"
        r"[^\s:\"'$<=\-{][^\s:\"'$<{]{0,99}:"
        r"(?P<secret>[^\s\"'\\;|&<>`]{6,200})",
        ("-a",),
        _option,
    ),
    SecretRule(
        "Password on a command line",
        "command",
        r"\b(?:docker|podman|helm registry|oras|az acr) login\b[^\n]{0,200}?\s-p\s*[\"']?"
        r"(?P<secret>[^\s\"'\\;|&<>`]{6,300})",
        (" login",),
        _option,
    ),
    SecretRule(
        "Password in a netrc line",
        "netrc",
        r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?P<secret>\S{4,300})",
        ("machine",),
        _option,
    ),
)
