"""Azure secrets. Formats with a signature follow Microsoft's published security-utilities patterns."""

import re

from mlroad.guard.secret_names import Promise, promise
from mlroad.guard.secret_rules import SecretRule, secret_of
from mlroad.guard.secret_values import is_password, is_placeholder, is_public_key, is_random, is_token

_AN = "[A-Za-z0-9]"
_B64 = "[A-Za-z0-9+/]"
_START = r"(?<![A-Za-z0-9+/_-])"
_END = r"(?![A-Za-z0-9+/_=-])"
# Not a 64-byte key: integrity hashes and the packed numbers of plotly.
_NOT_AFTER = r"(?<!sha512-)(?<!sha512:)(?<!sha512=)(?<!bdata\":\")(?<!bdata\": \")"


def _annotated(kind: str, provider: str) -> SecretRule:
    # 52 random characters, a fixed mark, date, platform, provider, checksum: 84, or 88 with padding.
    pattern = (
        rf"(?<!{_AN}){_AN}{{52}}JQQJ9[9DH]{_AN}[A-L]{_AN}{{16}}{provider}{_AN}{{4}}(?:{_AN}{{2}}==)?(?!{_AN})"
    )
    # Only the random part shows made-up examples; the fixed part may repeat one letter.
    return SecretRule(kind, "azure", pattern, ("JQQJ9",), lambda match: len(set(match[0][:52])) >= 15)


def _signed(kind: str, before: int, signature: str, after: str, chars: str = _B64) -> SecretRule:
    keyword = signature.replace("\\", "")
    pattern = rf"{_START}{chars}{{{before}}}{signature}{after}{_END}"
    return SecretRule(kind, "azure", pattern, (keyword,))


def _bare_key(match: re.Match[str]) -> bool:
    """A 64-byte key without a name of its own: not a digest, a picture, or an element of a vector."""
    text, start, end = match.string, match.start(), match.end()
    before = text[max(0, start - 80) : start]
    name = _NAME_BEFORE.search(before)
    harmless = name is not None and promise(name[1]) in (Promise.HARMLESS, Promise.GENERIC)
    return not (harmless or _ELEMENT.search(before) or _NEXT_ELEMENT.match(text, end)) and _key_of_bytes(
        match
    )


_NAME_BEFORE = re.compile(r"([\w.-]{1,60})[\"']?\s{0,3}[:=]\s{0,3}(?:b?[\"'])?$")
_ELEMENT = re.compile(r"==[\"']?,\s*[\"']$|\[\s*[\"']$|[^\s\"'],$")
_NEXT_ELEMENT = re.compile(r"[\"']\s*,\s*[\"'][A-Za-z0-9+/]{86}==")


def _real_uuid(match: re.Match[str]) -> bool:
    return len(set(secret_of(match))) > 6


def _devops_pat(match: re.Match[str]) -> bool:
    # 52 letters and digits 2 to 7: a generated token has about ten digits, joined words have none.
    token = secret_of(match)
    return sum(char.isdigit() for char in token) >= 3 and len(set(token)) >= 15 and is_token(token)


def _key_of_bytes(match: re.Match[str]) -> bool:
    token = secret_of(match)
    return len(set(token)) >= 15 and not is_public_key(token)


def _connection_password(match: re.Match[str]) -> bool:
    value = secret_of(match)
    return is_password(value) or is_random(value)


def _known(match: re.Match[str]) -> bool:
    return not is_placeholder(secret_of(match)) and len(set(secret_of(match))) >= 10


_P_AB = rf"[A-P]{_B64}{{5}}="
_P_64 = rf"{_B64}{{5}}[AQgw]=="

RULES: tuple[SecretRule, ...] = (
    _annotated("Azure DevOps token", "AZDO"),
    _annotated("Azure OpenAI or AI services key", "ACOG"),
    _annotated("Microsoft annotated key", f"[A-Za-z]{_AN}{{3}}"),
    SecretRule(
        "Entra client secret",
        "azure",
        r"(?<![\w~.+/-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~+/-])",
        ("7Q~", "8Q~"),
    ),
    _signed("Azure Functions key", 44, "AzFu", r"[A-Za-z0-9_-]{5}[AQgw]==", r"[A-Za-z0-9_-]"),
    _signed("Azure AI Search key", 42, "AzSe", rf"[A-D]{_AN}{{5}}", _AN),
    _signed("Azure Relay key", 33, r"\+ARm", _P_AB),
    _signed("Event Hub key", 33, r"\+AEh", _P_AB),
    _signed("Service Bus key", 33, r"\+ASb", _P_AB),
    _signed("IoT Hub key", 33, "AIoT", _P_AB),
    _signed("Azure Cache for Redis key", 33, "AzCa", _P_AB),
    _signed("Event Grid key", 33, "AZEG", _P_AB),
    _signed("Azure storage account key", 76, r"\+ASt", _P_64),
    _signed("Cosmos DB key", 76, "ACDb", _P_64),
    _signed("Azure Batch key", 76, r"\+ABa", _P_64),
    _signed("Azure ML endpoint key", 76, r"\+AMC", _P_64),
    _signed("API Management key", 76, "APIM", _P_64),
    _signed("Container registry password", 42, r"\+ACR", rf"[A-D]{_B64}{{5}}"),
    SecretRule(
        "Azure account key in a connection string",
        "azure",
        r"(?i:Account_?Key|(?<!Shared)AccessKey)\s*=\s*(?P<secret>[A-Za-z0-9+/]{42,86}={1,2})(?![A-Za-z0-9+/=])",
        ("accountkey", "accesskey", "account_key"),
        _key_of_bytes,
    ),
    SecretRule(
        "Event Hub, Service Bus or IoT Hub connection string",
        "azure",
        r"(?i:SharedAccessKey)\s*=\s*(?P<secret>[A-Za-z0-9+/]{42,86}={1,2})(?![A-Za-z0-9+/=])",
        ("sharedaccesskey",),
        _key_of_bytes,
    ),
    SecretRule(
        "Azure 64-byte key (storage, Cosmos DB)",
        "azure",
        rf"{_NOT_AFTER}{_START}[A-Za-z0-9+/]{{86}}==(?![A-Za-z0-9+/=])",
        ("==",),
        _bare_key,
    ),
    SecretRule(
        "App Configuration connection string",
        "azure",
        r"(?i:;Secret=)(?P<secret>[A-Za-z0-9+/]{40,100}={0,2})(?![A-Za-z0-9+/=])",
        (";secret=",),
    ),
    SecretRule(
        "Azure SAS token",
        "azure",
        # The whole query string is the token. `sig` is a Base64 SHA-256, URL-encoded or not.
        r"(?P<secret>(?:s[vetrpi]|ss|srt|spr|skn|sk[a-z]{1,3}|sip|sdd|se|st|api-version)=[^\s\"'<>`]{0,600}?"
        r"(?:&|&amp;)sig=[A-Za-z0-9%+/_-]{42,90}(?:%3[dD]|=){0,2}(?:&[a-z-]{1,12}=[^\s\"'<>`&]{1,100})*"
        r"|sig=[A-Za-z0-9%+/]{42,90}(?:%3[dD]|=)&[a-z-]{1,12}=[^\s\"'<>`]{1,400})",
        ("sig=",),
        _known,
    ),
    SecretRule(
        "Teams or Power Automate webhook",
        "chat",
        r"https://[\w.-]+\.webhook\.office\.com/webhookb2/[0-9a-fA-F-]{36}@[0-9a-fA-F-]{36}/IncomingWebhook/"
        r"[0-9a-fA-F]{32}/[0-9a-fA-F-]{36}(?:/[\w-]+)?",
        (".webhook.office.com",),
    ),
    SecretRule(
        "Application Insights connection string",
        "azure",
        r"(?i:instrumentation_?key)[\"']?\s*[:=]\s*[\"']?(?P<secret>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
        r"(?![0-9a-fA-F])",
        ("instrumentationkey", "instrumentation_key"),
        _real_uuid,
    ),
    SecretRule(
        "Database password in a connection string",
        "connection",
        r"(?i:\b(?:server|data source|host|driver|user id|uid|user|username|initial catalog|database|dsn)"
        r"\s*=[^\n]{0,300}?[;\s](?:password|pwd)\s*=\s*)\{?(?P<secret>[^;\"'\s}<>]{4,128})",
        ("password", "pwd"),
        _connection_password,
    ),
    SecretRule(
        "Database password in a connection string",
        "connection",
        r"(?i:\b(?:password|pwd)\s*=\s*)\{?(?P<secret>[^;\"'\s}<>]{4,128})\}?;[^\n]{0,200}?"
        r"(?i:\b(?:server|data source|host|driver|user id|uid|initial catalog|database)\s*=)",
        ("password", "pwd"),
        _connection_password,
    ),
    SecretRule(
        "Password in a connection string of a cache",
        "connection",
        r"(?i:\.redis\.cache\.windows\.net[^\n]{0,80}?password=)(?P<secret>[A-Za-z0-9+/=]{20,88})",
        (".redis.cache.windows.net",),
    ),
    SecretRule(
        "Azure Functions key in a URL",
        "azure",
        r"(?i:\.azurewebsites\.net/[^\s\"'<>]{0,200}[?&]code=)(?P<secret>[A-Za-z0-9/+%=_-]{20,100})",
        (".azurewebsites.net",),
    ),
    SecretRule(
        "Azure DevOps token",
        "azure",
        r"(?<![A-Za-z0-9+/=_-])[a-z2-7]{52}(?![A-Za-z0-9+/_=-])",
        (),
        _devops_pat,
    ),
)
