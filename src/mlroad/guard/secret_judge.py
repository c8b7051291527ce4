"""Judge a value under its names: is it a secret?"""

import base64
import re

from mlroad.guard.named_values.named_value import USER_KEYS, NamedValue
from mlroad.guard.secret_names import Promise, promise
from mlroad.guard.secret_values import is_mixed, is_password, is_placeholder, is_public_key, is_random

# Authorization: Token …
_SCHEME = re.compile(r"(?i)^(?:bearer|token|basic|apikey|sharedkey)\s+(?=\S+$)")
_TYPE = re.compile(r"[A-Z][a-z]\w*|[-\[\](){}]+|(?i:by|is|with|from|to|as|in|or|and|not|if|else|return)")
# Calls that say nothing of the value inside: ``token: str = Field(default="…")``.
_WRAPPER = re.compile(
    r"(?:\w+\.)*(?:[Ff]ield|Column|Header|Param\w*|Option|Argument|Query|Form|Body|[Ee]nv|str|bytes|String)"
)
_UUID = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# Under "key" alone, hexadecimal digits are those of a digest.
_DIGEST = re.compile(r"(?i)[0-9a-f]+|(?:sha\d+|md5|h1|zh)[-:].*")
_JWK_PARTS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi"})


def is_secret(named: NamedValue) -> bool:
    """Whether a value is a secret, from its names and its form."""
    value = _SCHEME.sub("", named.value)
    if named.own and named.own[0] in _JWK_PARTS and "kty" in named.beside:
        return is_random(value, least=20)
    own = _first(named.own)
    if own is Promise.KEY and named.beside & USER_KEYS:
        own = Promise.TOKEN  # {"username": …, "key": …}
    if own is Promise.KEY and named.in_call and named.outer and promise(named.outer[0]) >= Promise.KEY:
        own = Promise.TOKEN  # login(key=…)
    if own in (Promise.KEY, Promise.TOKEN, Promise.PASSWORD):
        return keeps_promise(value, own)
    if own is Promise.HARMLESS or (own is Promise.NOTHING and named.in_call):
        return False
    return _enclosed(named, own)


def _enclosed(named: NamedValue, own: Promise) -> bool:
    """Judge by the names around: ``SecretStr("…")``, ``"adminPassword": {"value": "…"}``."""
    said: list[Promise] = []
    for name in named.outer[:4]:
        if named.in_call and _WRAPPER.fullmatch(name):
            continue
        said.append(promise(name))
        if said[-1] is Promise.HARMLESS:
            break
    best = max(said, default=Promise.NOTHING)
    if not said or said[0] is Promise.HARMLESS or best <= Promise.NOTHING:
        return False
    if own is Promise.NOTHING:
        # PASSWORDS = {"ann": "…"}
        mixed = best is Promise.PASSWORD and is_mixed(named.value) and is_password(named.value)
        return best > Promise.KEY and (mixed or keeps_promise(named.value, Promise.KEY))
    if named.in_call and not named.own and said[0] <= Promise.NOTHING:
        return is_random(named.value)  # password = decrypt("…")
    return keeps_promise(named.value, best)


def _first(names: tuple[str, ...]) -> Promise:
    """What the nearest telling name says; types and particles are passed over."""
    found = Promise.GENERIC
    for name in names:
        said = promise(name)
        if said <= Promise.NOTHING and _TYPE.fullmatch(name) and name is not names[-1]:
            continue
        if said is not Promise.GENERIC:
            return said
    return found


def keeps_promise(value: str, said: Promise) -> bool:
    """Whether a value has the form of what its name announces."""
    if said is Promise.PASSWORD:
        return is_password(value) or is_random(value)
    if is_user_and_password(value):
        return True
    if said is Promise.TOKEN:
        return is_random(value) or _is_strong(value) or _is_uuid(value) or _is_pair(value)
    return is_random(value, least=20) and not _DIGEST.fullmatch(value) and len(value) <= 200


def _is_strong(value: str) -> bool:
    # All four kinds of characters: too short for a generated token, but surely a password.
    kinds = sum(bool(re.search(part, value)) for part in ("[a-z]", "[A-Z]", r"\d", r"[^\w\s./:,-]"))
    return kinds == 4 and " " not in value and is_password(value)


def _is_pair(value: str) -> bool:
    """Whether this is ``user:password`` under a name such as "credentials"."""
    user, _, password = value.partition(":")
    return user.isidentifier() and is_mixed(password) and is_password(password)


def _is_uuid(value: str) -> bool:
    return bool(_UUID.fullmatch(value)) and len(set(value)) > 8


def is_user_and_password(value: str) -> bool:
    """Whether this is Base64 of ``user:password``, as in Docker's and npm's configuration."""
    if not re.fullmatch(r"[A-Za-z0-9+/]{8,400}={0,2}", value):
        return False
    try:
        plain = base64.b64decode(value, validate=True).decode("utf-8")
    except ValueError:
        return False
    user, colon, password = plain.partition(":")
    return (
        bool(user and colon and password)
        and plain.isprintable()
        and not is_placeholder(password)
        and not is_public_key(value)
    )
