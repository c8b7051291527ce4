"""Judge a name: does it announce a password, a token or key, or something that is not secret?"""

import re
from enum import IntEnum
from functools import lru_cache

from mlroad.guard.secret_values import words


class Promise(IntEnum):
    """What a name says about its value, from "never a secret" to "a password"."""

    HARMLESS = 0  # a digest, an address, the name of a secret
    GENERIC = 1  # value, default: the name is elsewhere
    NOTHING = 2  # user, run, host
    KEY = 3  # a key of some kind: only a generated value is a secret
    TOKEN = 4  # api_key, token: a generated value
    PASSWORD = 5  # also a short value


# Parts of a name, in lower case, that may show a secret: a text without any of them has no named secret.
# Factored by the first letter, because every text is searched for it.
HINT = re.compile(
    r"p(?:ass(?:(?!\s*\n)|(?<=[^ \n]pass))|w(?:d|(?![a-z]))|fx|sw|at(?![a-z]))"
    r"|k(?:ey|ty|ennwort)|toke|s(?:ecret|as(?![a-z])|ecurestr)|fernet|hmac"
    r"|c(?:red|onn(?:ection_?str|_?str|ect\()|lient|ookie)|auth|bearer|jwt|login|identified|webhook|dsn(?![a-z])"
)
_PASSWORD = re.compile(
    r"(?:.*pass(?:word|wd|phrase|code|wort)|.*(?:pwd|psw|passw|kennwort)|pw|pass(?:in|out)|(?:user|db|root|store|key)?pass"
    r"|p)s?"
)
_TOKEN = re.compile(
    r".*(?:secret|token|(?:api|access|account|shared|master|auth|security|functions|query|admin|license|signing"
    r"|subscription|private)key|credential|securestring|bearer|sastoken)s?|jwt|pat|pfx|p12|fernet|sas|creds?|basicauth|webhook|sig"
)
_KEY = words("key keys client auth authorization login code pin cookie session identified authenticate salt")
# What comes before "key": an api key is secret, a cache key is not.
_TELLING = words(
    """
    api app access account auth admin query client private priv secret master primary secondary shared
    signing sign encryption encrypt license subscription endpoint function functions func host service
    storage search cosmos batch maps redis signalr hub bus openai cognitive azure aml azureml ml speech
    vision translator db database wandb gemini google llm model deploy deployment integration write read
    ingest ingestion x hmac jwt session cookie flask django cohere mistral anthropic kaggle mailgun
    sendgrid pinecone aoai ocp apim security server web webhook appinsights management connection ssh rsa
    tls ssl pgp pfx p12 jwk form recognizer docintel huggingface hf langchain langsmith azuread consumer
    bot telegram slack stripe datadog dd newrelic sentry grafana weaviate qdrant comet neptune mlflow
    tracking workspace registry acr iot event grid relay eventhub servicebus content safety bing weather
    device root fernet
    """
)
_GENERIC = words(
    """
    value val values v default defaultvalue default_value text string str data content raw plain plaintext
    body plainvalue secretvalue textvalue optional final const var let param parameter securestring static
    readonly public private protected internal export declare set setx field literal cast input inputs
    output variable variables env secure required object any new return yield val lazy override get
    annotated union
    """
)
# The last word of names that only describe a secret or something else: token_url, passwordField, SECRET_NAME.
_ABOUT = words(
    """
    name names id ids url urls uri path file filename folder dir directory type var header scope scopes
    hash hashed length len min max policy prompt label placeholder hint regex pattern column columns col
    cols ref reference provider count counts limit size expiry expires expiration ttl algorithm alg
    strength version format class vault store rotation index map izer ized ization schema description
    title message msg error prefix suffix digest thumbprint fingerprint usage budget price cost rate
    stream mode kind enabled valid word words board frame point points ary less lifetime age days hours
    seconds minutes interval timeout retries login_url template example help link href docs doc comment
    note notes reason alias owner issuer audience location region checksum sha sha1 sha256 sha512 md5 crc
    etag commit revision rev integrity uuid guid resource resources status state result response embedding
    embeddings vector vectors image picture thumbnail png jpeg jpg icon logo blob model_id checkpoint
    generator manager handler parser service factory helper validator exception required rules rule test
    tests case cases method function class type_ flow callback redirect endpoint host port user username
    email domain issue date time timestamp created updated order ordering by encoding encoder decoder
    splitter signature_algorithm nonce kid x5t x5c kty crv positions position weight weights embed span
    spans ids_ list tag tags pair pairs pem_file
    """
)
# The word before "key" or "token" in names that are not secret: public_key, cacheKey, PAD_TOKEN, object_key.
_PUBLIC = words(
    """
    public pub cache foreign partition sort row hash idempotency dict group join lookup index object s3
    blob config json map max min num n pad eos bos sep cls unk mask special stop start end next page
    continuation csrf sync per total prompt completion usage input output feature label target translation
    captcha recaptcha site test fake dummy example sample key keyboard column field unique natural
    surrogate composite routing merge dedup dedupe file path artifact upload download image video asset
    primary_sort state run experiment dataset data storage_object document chunk first last new old
    current previous sha sha1 sha256 md5 digest commit git content entity ordering binding metric param
    segment language lang lock shuffle split fold i18n locale message event_type topic registry_sort layer
    tensor checkpoint weights answer question vocab bpe known_hosts host_public parent child left right
    legacy_sort ssh_public vapid_public verifying verification verify gpg_public trusted signer_public
    instance primary_partition source etag
    """
)
# hashed_secret, encryptedPassword
_HIDDEN = words("hashed encrypted masked redacted sealed")
# verify_password("…")
_CHECKS = words("hash verify check validate mask redact")
_SPLIT = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*|\d+")


# What may follow the word: PASSWORD_PROD, API_KEY_OLD, client-key-data, secretValue.
_SUFFIXES = words(
    "prod production dev development test staging stage old new backup value val text string str bytes data"
    " b64 base64 plain raw"
    " default primary secondary main live local alt temp tmp rw ro eu us west east"
)
# Whose "pass" is a password.
_OWNERS = words(
    "db user root admin sql database my mysql pg postgres smtp mail redis ftp ssh sudo svc service sa login"
    " app ldap http proxy"
)


@lru_cache(maxsize=20_000)
def promise(name: str) -> Promise:
    """What a name says about its value."""
    # Spark's fs.azure.account.key.STORE.dfs.core.windows.net, and calls that take a key.
    if ".account.key." in name or name in ("jwt.encode", "jwt.decode", "hmac.new"):
        return Promise.TOKEN
    parts = [part.lower() for part in _SPLIT.findall(name[-120:])]
    if parts[-2:] == ["secure", "string"] or parts[-1:] == ["identified"]:
        return Promise.PASSWORD
    while len(parts) > 1 and (parts[-1].isdigit() or parts[-1] in _SUFFIXES):
        parts.pop()
    if not parts:
        return Promise.NOTHING
    if parts[-1] not in _ABOUT:
        parts[-1] = parts[-1].rstrip("0123456789") or parts[-1]
    last = parts[-1]
    whole = "".join(parts)
    if whole in _GENERIC or (last in _GENERIC and len(parts) == 1):
        return Promise.GENERIC
    found = _promise_of(parts, last, whole)
    if found is Promise.NOTHING and last in _ABOUT:
        return Promise.HARMLESS
    return found


def _promise_of(parts: list[str], last: str, whole: str) -> Promise:
    before = parts[-2] if len(parts) > 1 else ""
    if last in _ABOUT or not _HIDDEN.isdisjoint(parts):
        return Promise.HARMLESS
    if last in ("key", "keys"):
        return _of_key(parts[:-1], before)
    if _PASSWORD.fullmatch(last):
        if len(parts) > 1 and parts[0] in _CHECKS:
            return Promise.HARMLESS
        unclear = last == "p" or (last == "pass" and before and before not in _OWNERS)
        return Promise.NOTHING if unclear else Promise.PASSWORD
    if _TOKEN.fullmatch(last):
        if before in _PUBLIC and last in ("token", "tokens", "pat", "sas", "sig"):
            return Promise.HARMLESS
        return Promise.KEY if last in ("sig", "webhook") else Promise.TOKEN
    if last.removesuffix("s").removesuffix("key") in _TELLING and "key" in last:  # searchkey
        return Promise.TOKEN
    if whole.endswith(("connectionstring", "connstring", "connstr", "connectionstr")):
        return Promise.TOKEN
    return Promise.KEY if last in _KEY else _of_longer(parts)


def _of_key(before: list[str], word: str) -> Promise:
    if word in _PUBLIC:
        return Promise.HARMLESS
    telling = word in _TELLING or (word not in _ABOUT and any(part in _TELLING for part in before))
    return Promise.TOKEN if telling else Promise.KEY


def _of_longer(parts: list[str]) -> Promise:
    """``password_of_alice``, ``token_for_production``."""
    for index, part in enumerate(parts[:-2]):
        if parts[index + 1] in ("for", "of", "to", "in", "on") and part not in ("key", "keys"):
            return _promise_of(parts[: index + 1], part, "".join(parts[: index + 1]))
    return Promise.NOTHING
