"""Judge a value by itself: a placeholder, a reference, a password, a generated token."""

import hashlib
import re

from mlroad.guard.word_likeness import looks_generated


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# SHA-256 of keys that are published and the same everywhere, so not secret.
PUBLIC_KEYS = frozenset(
    {
        "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059",  # storage emulator (Azurite)
        "aa6547439583c3a275d4542a0df6c1ad6a863971be9f2a2220f027cc02aef615",  # Cosmos DB emulator
    }
)
_LITERALS = words(
    """
    str string none null nil true false required optional text hidden default empty undefined unset
    disabled enabled test testing value any bytes object env prompt postgres postgresql redis mysql number
    integer scram-sha-256 caching_sha2_password hs256 rs256 es256 sha256 sha512 bcrypt argon2 pbkdf2
    oauth2 base64 utf8
    """
)
# Words of which made-up examples consist. A value of them, and little else, is a placeholder.
_EXAMPLE = (
    r"your|my(?![a-z]*[\d!@#$%^&*])|example|sample|placeholder|dummy|fake|change[-_ ]?(?:me|it|this|in)?"
    r"|replace|insert|redacted|removed|censored|todo|tbd|fixme|here"
    r"|not[-_ ]?real|xx+|\*{3,}|\.{3,}|…|put|enter|paste"
    r"|lorem|ipsum|foo|bar|baz|(?<![a-z])(?:the|an?|some|goes)(?![a-z])|<|>"
)
_FILLER = (
    r"secret|token|pass(?:word|wd|phrase|code)|pwd|api|key|access|account|client|admin|user(?:name)?|value"
    r"|string"
    r"|connection|server|with|from|this|real|storage|azure|openai|service|database|db|test|default|none|null|for"
    r"|and|of|me|sha256|sk|ghp|hf|dapi|akia|bearer|basic|random|generated|strong|long|very|id|uuid|guid|char(?:s)?"
)
_SEQUENCE = r"0?123456(?:7(?:89?0?)?)?|abcdef(?:gh\w*)?|(.)\1{3,}"
_IS_EXAMPLE = re.compile(f"(?i){_EXAMPLE}|{_SEQUENCE}")
_REMAINS = re.compile(rf"(?i){_EXAMPLE}|{_FILLER}|{_SEQUENCE}|[\W_]")
_EXAMPLE_TOKEN = re.compile(
    r"(?i)example|placeholder|redacted|change[-_]?me|your[-_]|x{6,}|\*{3,}|\.{3,}|…|abcdefgh|1234567890"
    r"|0123456789|deadbeef|(.)\1{7,}"
)
_UUID = re.compile(r"(?i)\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?")
_TEMPLATE = re.compile(
    r"\$\{\{?[^{}]*\}?\}|\{\{[^{}]*\}\}|\{[A-Za-z_][\w.\[\]'\":!, ]{0,60}\}|\$\([^()]*\)"
    r"|%\([\w.]+\)[sd]|<%.*?%>"
)
_WHOLE = re.compile(
    r"(?i)[*&][a-z_][\w-]*|\[[^\[\]]*\]|%\w+%|\*+|\$\(.*|\$\{.*|\$\[.*|\{\{.*|\$env:\w+"
    r"|!(?:ref|sub|secret|vault|getatt|join)\b.*|@microsoft\.keyvault\(.*|@\{?\w+\('.*|\{[a-z_][\w.]*(?:\(.*)?"
    r"|enc\[.*|\$ansible_vault;.*|Ag[a-z0-9+/]{300,}={0,2}"  # encrypted by SOPS, Ansible, Sealed Secrets
)
# References by a name, which can also be the beginning of a password.
_BY_NAME = re.compile(r"<[^<>]*>|\$[A-Za-z_]\w*|.*<[\w -]+>.*")
_SCHEME = re.compile(
    r"(?i)(?:azureml|keyvault|akv|kv|vault|env|secretref|file|op|arn|ssm|https?|wss?|abfss?|wasbs?|s3a?|gs|dbfs|sqlite"
    r"|runs|models|mlflow-artifacts|urn|azure|docker|oci|data|ref\+\w+|aws|gcp|secret):(?!.*@)"
)
_MEMBER = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?(?:\??\.[A-Za-z_]\w*(?:\[[^\]]*\])?)+")
_PATH = re.compile(r"(?:[~.]{1,2}|[A-Za-z]:)?[/\\](?:[\w.@ -]+[/\\])*[\w.@ -]*|(?:[\w.-]+/)+[\w.-]+")
# In an object store: folders in words, then perhaps a digest.
_OBJECT = re.compile(r"[a-z]{3,}[a-z_-]*(?:/[\w.=@-]+)+(?<!=)")
_PATTERN = re.compile(r"\\[wdsbWDSB]|\[\^?[^\]]*\w-\w[^\]]*\]|\.[*+]|\(\?|^\^.*\$$|%[YmdHMS][-/:%. T]")
_CODE = re.compile(r"^--[a-z]|^\w[\w.]*\(.*\)?$|[({\[]\s*[)}\]]|=>|^[A-Za-z_]\w*=[A-Za-z]\w*$|://")
_WRAPPED = re.compile(r"\(.*\)|\{.*\}")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_MIXED = re.compile(r"(?=[^a-z\s]*[a-z])(?=[^A-Z\s]*[A-Z])(?=\D*\d+[^A-Za-z\s]*[A-Za-z])\S{9,200}$")
_SECRET_NAME = re.compile(
    r"(?i)(?=.*(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|cred|login|connection))"
    r"[a-z]+(?:[-_./ ][a-z]+)*[-_.]?v?\d{0,4}"
)


def is_public_key(value: str) -> bool:
    """Whether this is a published key of an emulator."""
    return len(value) > 40 and hashlib.sha256(value.encode(errors="replace")).hexdigest() in PUBLIC_KEYS


def is_placeholder(value: str) -> bool:
    """Whether this is an example, as in documentation: ``<your-key>``, ``xxxx``, ``my-example-password``."""
    if not _IS_EXAMPLE.search(value):
        return False
    rest = _REMAINS.sub("", value)
    return (
        len(rest) < 4
        or rest.isdigit()
        or len(set(rest)) < 3
        or (rest.isalpha() and not looks_generated(rest))
    )


def is_varied(value: str) -> bool:
    """Whether it has enough different characters for a generated token."""
    return len(set(value)) >= min(10, max(4, len(value) // 4))


def is_mixed(value: str) -> bool:
    """Whether letters in both cases and digits are mixed as in a password, and not as in a name."""
    return bool(_MIXED.match(value)) and looks_generated(re.sub(r"[\W_]", "", value))


def is_token(value: str) -> bool:
    """For tokens with a distinctive format: anything but placeholders and published keys."""
    return is_varied(value) and not _EXAMPLE_TOKEN.search(value) and not is_public_key(value)


def is_reference(value: str) -> bool:
    """Whether a value only refers to a secret: ``${VAR}``, ``keyvault:...``, a path, a URL, a member."""
    if _BY_NAME.fullmatch(value) and not is_mixed(value):
        return True
    if _WHOLE.fullmatch(value) or _SCHEME.match(value) or _UUID.fullmatch(value):
        return True
    if _OBJECT.fullmatch(value) or (
        (_PATH.fullmatch(value) or _MEMBER.fullmatch(value)) and not looks_generated(value)
    ):
        return True
    rest = value if _WRAPPED.fullmatch(value) and is_mixed(value) else _TEMPLATE.sub("", value)
    return rest != value and (len(rest) < 6 or not looks_generated(rest))


def is_random(value: str, least: int = 16) -> bool:
    """Whether a string looks generated: long, without spaces, and not made of words."""
    if (
        not least <= len(value) <= 2_000
        or re.search(r"[\s\\\"'`]", value)
        or not re.search(r"[A-Za-z]", value)
    ):
        return False
    if (
        not is_varied(value)
        or "EXAMPLE" in value
        or is_placeholder(value)
        or is_reference(value)
        or is_public_key(value)
    ):
        return False
    if _is_code(value) or _CAPITALS.fullmatch(value):
        return False
    return looks_generated(value)


def is_password(value: str) -> bool:
    """Whether a string looks like a password, not like a word, template, message or type."""
    if not 6 <= len(value) <= 200 or re.search(r"[\r\n\t]", value) or value.lower() in _LITERALS:
        return False
    if is_placeholder(value) or is_reference(value) or is_public_key(value) or len(set(value)) < 4:
        return False
    if _is_code(value) or _CAPITALS.fullmatch(value) or _SECRET_NAME.fullmatch(value):
        return False
    if re.fullmatch(r"[\w ]+(?:\s*\|\s*[\w ]+)+", value) and not re.search(r"\d", value):
        return False  # str | None
    return _is_passphrase(value) if " " in value else _is_strong_enough(value)


def _is_code(value: str) -> bool:
    if _PATTERN.search(value) or _CODE.search(value):
        return True
    return bool(_WRAPPED.fullmatch(value)) and not is_mixed(value)


def _is_passphrase(value: str) -> bool:
    """Whether a value with spaces is a password: a part mixes letters with digits or symbols."""
    parts = value.split()
    mixed = [
        part for part in parts if re.search(r"[A-Za-z]", part) and re.search(r"[\d@#$%^&*+~!?]", part[:-1])
    ]
    return len(parts) <= 6 and bool(mixed) and not re.search(r"[.:;,]\s|\s-|[\"'`]", value)


def _is_strong_enough(value: str) -> bool:
    plain = re.sub(r"(?i)pass(?:word|wd|phrase)?|pwd|secret|token|(?:api)?key|user(?:name)?|admin", "", value)
    if value.isdigit():
        return len(value) >= 8 and len(set(value)) >= 5
    if re.search(r"\d", plain) and re.search(r"[A-Za-z]", value):
        return True
    if re.search(r"[!@#$%^&*?+~|/=]", plain) and re.search(r"[A-Za-z]{3}", value):
        return True
    return plain.isalpha() and len(plain) >= 8 and looks_generated(plain)
