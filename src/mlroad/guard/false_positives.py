"""Tell secrets from harmless strings: placeholders, words, references, well-known public keys."""

from __future__ import annotations

import hashlib
import re


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# The last word of names that only describe a secret: token_url, passwordField, SECRET_NAME, tokenizer
_ABOUT = words(
    """
    name names id ids url urls uri path file filename folder dir type env var field header scope
    scopes hash hashed salt length len min max policy prompt label placeholder hint regex pattern
    column col ref provider count counts limit size expiry expires ttl algorithm strength version
    format class vault store rotation index map izer ized ization schema description title message
    error prefix suffix sha256 sha1 md5 digest thumbprint fingerprint usage budget price cost rate
    stream mode kind required enabled valid word words board frame point points ary less lifetime
    """
)
# The word before "key" or "token" in names that are not secret: public_key, cacheKey, PAD_TOKEN ...
_PUBLIC = words(
    """
    public pub cache foreign partition sort row hash idempotency dict group join lookup index object
    s3 blob config json map max min num n pad eos bos sep cls unk mask special stop start end next
    page continuation csrf sync per total prompt completion usage input output registry feature
    label target translation captcha recaptcha site test fake dummy example sample key
    """
)
_PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|change[-_ ]?me|change[-_]?it|replace|redacted|insert|dummy|sample|fake"
    r"|(?:^|[-_<{ ])(?:your|my|some|the|an?)[-_ ](?:[a-z]+[-_ ]){0,3}"
    r"(?:pass|pw|secret|token|key|value|account|string)"
    r"|^(?:your|my|some|the)(?:pass|pw|secret|token|key|api_?key|account)\w*$"
    r"|your[-_ ]|[-_]here\b|x{4,}|\*{3,}|\.{3}|…|not[-_ ]?(?:a[-_ ]?)?real"
    r"|1234567890|0123456789|abcdefgh|deadbeef"
)
_TYPES = words(
    """
    str string none null nil true false required optional password passwd secret token key text
    hidden default empty undefined unset disabled enabled test testing value any bytes object env
    prompt
    """
)
_UUID = re.compile(r"(?i)^\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?$")
_WORD = re.compile(r"[A-Z]?[a-z]{3,19}(?![a-z])|(?<![A-Z])[A-Z]{4,19}(?![A-Z])|[-_./: ]")
_REFERENCE = re.compile(
    r"(?i)^(?:\$|%\w+%$|\{\{|@microsoft\.keyvault|!(?:secret|ref|vault)|(?:azureml|keyvault|vault|env|secretref|file|op"
    r"|arn|ssm|https?|wss?|abfss?|wasbs?|s3|gs|dbfs|sqlite|runs|models|mlflow-artifacts|urn|azure|docker|oci):"
    r"|secrets?\.|env\.|vars\.|var\.|os\.environ|process\.env|self\.|config\.|settings\.|args\.|/|\./|\.\./|~/|\w:\\)"
)

# SHA-256 of the keys that Microsoft publishes for its emulators: the same on every machine, not secret.
PUBLIC_KEYS = frozenset(
    {
        "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059",  # storage emulator (Azurite)
        "aa6547439583c3a275d4542a0df6c1ad6a863971be9f2a2220f027cc02aef615",  # Cosmos DB emulator
    }
)


def is_about(name: str) -> bool:
    """Whether the end of a name shows that the value is not the secret itself: ``_url`` of ``token_url``."""
    return _last_word(name) in _ABOUT


def is_public_name(name: str) -> bool:
    """Whether the word before ``key`` or ``token`` marks it as public: ``cache`` of ``cache_key``."""
    return _last_word(name) in _PUBLIC


def _last_word(name: str) -> str:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)
    return words[-1].lower() if words else ""


def is_public_key(value: str) -> bool:
    """Whether this is a published key of an emulator."""
    return hashlib.sha256(value.encode()).hexdigest() in PUBLIC_KEYS


def is_placeholder(value: str) -> bool:
    """Whether this is a placeholder, as in documentation: ``<your-key>``, ``xxxx``."""
    return bool(_PLACEHOLDER.search(value)) or bool(re.search(r"(.)\1{5,}", value))


def is_varied(value: str) -> bool:
    """Whether it has enough different characters for a generated token."""
    return len(set(value)) >= min(10, max(4, len(value) // 4))


def is_token(value: str) -> bool:
    """For tokens with a distinctive format: anything but placeholders and published keys."""
    return is_varied(value) and not is_placeholder(value) and not is_public_key(value)


def is_reference(value: str) -> bool:
    """Whether a value only refers to a secret: ``${VAR}``, ``keyvault:...``, a path, a URL."""
    return bool(_REFERENCE.match(value))


def is_random(value: str, least: int = 16) -> bool:
    """Whether a string looks generated: long, without spaces, and not made of words."""
    if len(value) < least or _UUID.match(value) or not is_token(value) or is_reference(value):
        return False
    # Exclude code, patterns (^Name@2$), date formats and numbers.
    if re.search(r"[\s(){}\[\]<>\\|,;\"'`]|^\^|\$$|%[YmHMSs]", value) or not re.search(r"[A-Za-z]", value):
        return False
    in_words = sum(len(word) for word in _WORD.findall(value))
    return len(set(value)) >= 8 and in_words <= 0.6 * len(value)


def is_password(value: str) -> bool:
    """Whether a string looks like a password, not like a word, template or type."""
    if not 6 <= len(value) <= 200 or re.search(r"\s", value) or value.lower() in _TYPES:
        return False
    if is_placeholder(value) or is_reference(value) or _UUID.match(value) or is_public_key(value):
        return False
    # Exclude templates, patterns, addresses, and NAMES_IN_CAPITALS.
    if (
        re.search(r"^[{<\[(%^]|[{(<].*[)}>]|\\[wdsnb]|://|\||^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$", value)
        or len(set(value)) < 4
    ):
        return False
    plain = re.sub(r"(?i)pass(?:word|wd|phrase)?|pwd|secret|token|(?:api)?key|user(?:name)?|admin", "", value)
    if re.search(r"\d", plain) and re.search(r"[A-Za-z]", value):
        return True
    if re.search(r"[!@#$%^&*?+~]", plain) and re.search(r"[A-Za-z]{3}", value):
        return True
    return len(plain) >= 12 and plain.isalpha()
