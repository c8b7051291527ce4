"""Secrets of no particular vendor: private keys, passwords in URLs, headers, command lines and netrc."""

import base64
import re

from mlroad.guard.secret_judge import is_user_and_password
from mlroad.guard.secret_rules import SecretRule, anything, secret_of
from mlroad.guard.secret_values import is_password, is_placeholder, is_random, is_reference, words


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


def _token_in_url(match: re.Match[str]) -> bool:
    # As the user, or behind /t/ as conda writes it.
    owned = "/t/" in match[0] or match.string.startswith("@", match.end())
    return owned and is_random(secret_of(match), least=20)


def _bearer(match: re.Match[str]) -> bool:
    return is_random(secret_of(match), least=20)


def _basic(match: re.Match[str]) -> bool:
    return is_user_and_password(secret_of(match))


def _option(match: re.Match[str]) -> bool:
    return is_password(secret_of(match)) or is_random(secret_of(match))


def _command(program: str, option: str, keywords: str) -> SecretRule:
    pattern = (
        rf"(?<![\w-]){program}(?:\s[^\n]{{0,300}}?)?\s{option}[\"']?(?P<secret>[^\s\"'\\;&<>`]{{6,300}})"
    )
    return SecretRule("Password on a command line", "command", pattern, tuple(keywords.split()), _option)


_QUOTE, _JOIN = "[\"'`]", r"\s{0,20}(?:\+|,|\.|&|~|\|\||<>)?\s{0,20}"


def _encoded_key(match: re.Match[str]) -> bool:
    token = secret_of(match)
    head = base64.b64decode(token[: min(len(token), 64) // 4 * 4])
    return b"PRIVATE KEY" in head or bool(_DER_KEY.match(head))


# ASN.1: a sequence that begins with the version of a private key (0, 1) or of a PKCS#12 file (3).
_DER_KEY = re.compile(
    rb"\x30(?:\x82..|\x81.|[\x20-\x7f])\x02\x01(?:[\x00\x01][\x02\x04\x30]|\x03\x30)", re.DOTALL
)

RULES: tuple[SecretRule, ...] = (
    SecretRule(
        "Private key in Base64",
        "private key",
        r"(?<![A-Za-z0-9+/])(?P<secret>(?:LS0tLS1CRUdJTi|MI[GIJKL]|MHc|MC4C)[A-Za-z0-9+/]{50,20000}={0,2})",
        ("LS0tLS1CRUdJTi", "MII", "MIG", "MIJ", "MIK", "MIL", "MHc", "MC4C"),
        _encoded_key,
    ),
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
        r"(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://(?P<user>[^\s:/?#@\"'<>`\[\]()]{0,100}):"
        r"(?P<secret>[^\s@/?\"'<>`]{3,200})@(?=[\w\[$%{<.-])",
        ("://",),
        _url_password,
    ),
    SecretRule(
        "Password in a URL",
        "url",
        # In parts that are joined: "https://user:" + "…" + "@host". The separator depends on the language.
        rf":(?:{_QUOTE}{_JOIN}{_QUOTE})?(?P<secret>[^\s@/:\"'`]{{6,200}}){_QUOTE}{_JOIN}{_QUOTE}@(?!\w+[\"']\s*:)",
        ('"@', "'@", "`@"),
        _option,
    ),
    SecretRule(
        "Password in SQL",
        "sql",
        r"(?i:\bsp_addlogin\s+[^\s,]{1,100},\s*N?|\bset\s+password\s+for\s+[^=\n]{1,100}=\s*(?:password\()?)"
        r"'(?P<secret>[^'\n]{6,200})'",
        ("sp_addlogin", "password"),
        _option,
    ),
    SecretRule(
        "Token in a URL",
        "url",
        r"://(?:[^\s/@:]{1,100}/t/)?(?P<secret>[\w.~-]{20,300})(?=@\w|/)",
        ("://",),
        _token_in_url,
    ),
    SecretRule(
        "Password in a pgpass line",
        "pgpass",
        r"(?m)^[\w.*-]{1,200}:(?:\d{4,5}|\*):[\w.*-]{1,100}:[\w.*@-]{1,100}:(?P<secret>[^\s:]{6,200})$",
        (":5432:", ":5433:", ":6432:", ":*:"),
        _option,
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
        r"\b(?:curl|wget)\b[^\n]{0,300}?\s(?:-[a-zA-Z]{0,8}u|--user)[ =]?[\"']?[^\s:\"'$<{]{1,100}:"
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
    # The short options of programs: the name of the program tells what -p means.
    _command(
        r"(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|7z|7za|sshpass)",
        r"-p",
        "mysql mariadb 7z sshpass",
    ),
    _command(
        r"(?:az|(?:docker|podman|helm registry|oras|az acr|crane|skopeo) login"
        r"|sshpass|mongo\w*|cqlsh|vsql|snowsql)",
        r"(?:-p|-w)\s",
        "az login sshpass mongo cqlsh vsql snowsql",
    ),
    _command(r"(?:sqlcmd|bcp|osql|unzip|zip|freebcp|tsql|go-sqlcmd)", r"-P\s?", "sqlcmd bcp osql zip tsql"),
    _command(r"redis-cli", r"-a\s", "redis-cli"),
    _command(r"(?:ldap\w+|rabbitmqadmin|pgbench)", r"-[wp]\s", "ldap rabbitmqadmin"),
    _command(r"htpasswd", r"-\w*b\w*\s+\S{1,200}\s+\S{1,100}\s", "htpasswd"),
    _command(r"sqlplus", r"\w{1,60}/", "sqlplus"),
    _command(r"(?:lftp|ncftp\w*)", r"-u\s?[^\s,]{1,60},", "ftp"),
    _command(r"mosquitto_\w+", r"-P\s", "mosquitto_"),
    _command(r"(?:keytool|jarsigner)", r"-\w*(?:store|key)pass\s", "keytool jarsigner"),
    _command(r"openssl \w+", r"(?:-k\s|-pass(?:in|out)?\s(?:pass:)?)", "openssl"),
    _command(r"ssh-keygen", r"-[NP]\s", "ssh-keygen"),
    _command(r"(?:xfreerdp|cmdkey)", r"/p(?:ass)?:", "xfreerdp cmdkey"),
    _command(r"net use", r"/user:\S{1,100}\s", "net use"),
    _command(r"smbclient", r"-U\s?[^\s%]{1,60}%", "smbclient"),
    _command(r"az keyvault secret set", r"--value[\s=]", "keyvault"),
    _command(r"gh secret set", r"(?:-b|--body)[\s=]", "gh secret"),
    _command(r"databricks secrets put\S*", r"--string-value[\s=]", "databricks"),
    _command(r"(?:aws ssm put-parameter|aws secretsmanager \S+)", r"--(?:value|secret-string)[\s=]", "aws"),
    _command(r"(?:wandb|databricks|vault|hf|huggingface-cli|comet|neptune) login", "", "login"),
    SecretRule(
        "Password on a command line",
        "command",
        r"\becho\s(?:-n\s)?[\"']?(?P<secret>[^\s\"'|`$]{6,200})[\"']?\s*\|[^\n|]{0,200}"
        r"(?:--password-stdin|sudo\s(?:\S+\s)*-S|gh secret set|--with-token|login|chpasswd)",
        ("echo",),
        _option,
    ),
    SecretRule(
        "Password in a netrc line",
        "netrc",
        r"\b(?:machine\s+\S{1,200}|default)\s+(?:(?:login|account)\s+\S{1,200}\s+){0,2}password\s+(?P<secret>\S{4,300})",
        ("machine", "default"),
        _option,
        extra_lines=4,
    ),
)
