"""A made-up secret of each family, assembled at run time, for `mlroad guard selftest`."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

_LOWER, _UPPER, _DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
_ALNUM = _LOWER + _UPPER + _DIGITS
_URL64 = _ALNUM + "-_"
_HEX = _DIGITS + "abcdef"


@dataclass(frozen=True, slots=True)
class Sample:
    """A secret of a family, and a text that contains it in place of ``{}``."""

    family: str
    secret: str
    text: str = 'value = "{}"\n'

    def written(self) -> str:
        """The text with the secret."""
        return self.text.replace("{}", self.secret)


def samples(seed: int = 1) -> list[Sample]:
    """At least one sample for each family of built-in rules and for each plugin of the engine."""
    made = random.Random(seed)  # noqa: S311 - not real secrets, and the same every time

    def some(alphabet: str, length: int) -> str:
        return "".join(made.choices(alphabet, k=length))

    def key(count: int) -> str:
        return base64.b64encode(made.randbytes(count)).decode()

    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).decode().rstrip("=")
    dashes, word = "-" * 5, "PRIVATE" + " KEY"
    uuids = [
        str(base64.b16encode(made.randbytes(4)), "ascii").lower() + "-1111-4222-8333-" + some(_HEX, 12)
        for _ in "123"
    ]
    password = "Tr" + "ee9!" + some(_ALNUM, 8)
    return [
        Sample(
            "azure",
            key(64),
            'c = Blob.from_connection_string("AccountName=ml;AccountKey={};EndpointSuffix=core")\n',
        ),
        Sample(
            "azure", key(32), 'c = Hub("Endpoint=sb://ml/;SharedAccessKeyName=root;SharedAccessKey={}")\n'
        ),
        Sample(
            "azure",
            some(_ALNUM, 3) + "8Q" + "~" + some(_ALNUM, 34),
            'c = Credential(client_id="app", client_secret="{}")\n',
        ),
        Sample(
            "azure",
            "sv=2024-11-04&sr=c&sp=rl&sig=" + some(_ALNUM, 42) + "%3D",
            'u = "https://ml.blob.core.windows.net/raw?{}"\n',
        ),
        Sample("azure", some(_ALNUM, 52) + "JQ" + "QJ99" + "BA" + "AC" * 8 + "AZ" + "DO" + some(_ALNUM, 4)),
        Sample("azure", some(_LOWER + "234567", 52)),
        Sample("connection", password, 'sql = "Server=tcp:ml,1433;User ID=train;Password={};Encrypt=True"\n'),
        Sample("databricks", "da" + "pi" + some(_HEX, 32)),
        Sample("github", "gh" + "p_" + some(_ALNUM, 36), 'hub = Github("{}")\n'),
        Sample("github", "github" + "_pat_" + some(_ALNUM, 22) + "_" + some(_ALNUM, 59)),
        Sample("gitlab", "gl" + "pat-" + some(_ALNUM, 20)),
        Sample("code", "AT" + "ATT" + some(_ALNUM, 60)),
        Sample("huggingface", "h" + "f_" + some(_LOWER + _UPPER, 34), 'login("{}")\n'),
        Sample("anthropic", "sk-" + "ant-api03-" + some(_ALNUM, 93) + "AA", 'c = Anthropic(api_key="{}")\n'),
        Sample(
            "openai",
            "sk-" + "proj-" + some(_ALNUM, 74) + "T3Blbk" + "FJ" + some(_ALNUM, 74),
            'c = OpenAI(api_key="{}")\n',
        ),
        Sample("models", "gs" + "k_" + some(_ALNUM, 52)),
        Sample("wandb", some(_HEX, 40), 'wandb.login(key="{}")\n'),
        Sample("aws", "AK" + "IA" + some(_UPPER + "234567", 16)),
        Sample("gcp", "AI" + "za" + some(_ALNUM, 35)),
        Sample("slack", "xo" + "xb-" + some(_DIGITS, 12) + "-" + some(_DIGITS, 12) + "-" + some(_ALNUM, 24)),
        Sample(
            "chat",
            f"https://ml.webhook.office.com/webhookb2/{uuids[0]}@{uuids[1]}/Incoming"
            + f"Webhook/{some(_HEX, 32)}/{uuids[2]}",
        ),
        Sample("pypi", "pypi-" + "AgEIcHlwaS5vcmc" + some(_URL64, 120)),
        Sample("npm", "np" + "m_" + some(_ALNUM, 36)),
        Sample("nuget", "oy" + "2" + some(_LOWER + "234567", 43)),
        Sample("artifactory", "AK" + "Cp" + some(_ALNUM, 69)),
        Sample("docker", "dckr" + "_pat_" + some(_ALNUM, 27)),
        Sample("operations", "hv" + "s." + some(_ALNUM, 90)),
        Sample(
            "private key",
            f"{dashes}BEGIN {word}{dashes}\n{key(48)}\n{key(48)}\n{dashes}END {word}{dashes}",
            "{}\n",
        ),
        Sample("jwt", f"{head}.{some(_ALNUM, 80)}.{some(_URL64, 43)}"),
        Sample("url", password, "uri: postgresql://train:{}@db.ml.net/raw\n"),
        Sample("header", some(_ALNUM, 40), 'h = {"X": "Bearer {}"}\n'),
        Sample("command", password, "az sql server create --admin-password {}\n"),
        Sample("netrc", password, "machine ml.net login me password {}\n"),
        Sample("assignment", password, 'db_password = "{}"\n'),
        Sample("mail", "SG" + "." + some(_ALNUM, 22) + "." + some(_ALNUM, 43)),
        Sample("mail", some(_HEX, 32) + "-us" + "12"),
        Sample("payment", "sk_" + "live_" + some(_ALNUM, 24)),
        Sample("payment", "sq0" + "csp-" + some(_ALNUM, 43)),
        Sample("chat", "AC" + some(_HEX, 32)),
        Sample(
            "chat",
            "M" + some(_ALNUM, 23) + "." + some(_ALNUM, 6) + "." + some(_ALNUM, 27),
            'bot_token = "{}"\n',
        ),
        *_of_azure(some, key, uuids[0], password),
    ]


def _of_azure(
    some: Callable[[str, int], str], key: Callable[[int], str], uuid: str, password: str
) -> list[Sample]:
    """Further Azure services, each with its own format."""

    def signed(before: int, mark: str, after: str, text: str = 'key = "{}"\n') -> Sample:
        return Sample("azure", some(_ALNUM, before) + mark + after, text)

    def annotated(provider: str, text: str) -> Sample:
        tail = "BA" + "AC" * 8 + provider + some(_ALNUM, 4)
        return Sample("azure", some(_ALNUM, 52) + "JQ" + "QJ99" + tail, text)

    def half() -> str:  # the end of a 32-byte key
        return "B" + some(_ALNUM, 5) + "="

    def whole() -> str:  # the end of a 64-byte key
        return some(_ALNUM, 5) + "Q" + "=="

    host = "ml.redis.cache" + ".windows.net"
    return [
        annotated("AC" + "OG", 'c = AzureOpenAI(api_key="{}")\n'),
        annotated("AB" + "CD", "MAPS_KEY={}\n"),
        signed(44, "Az" + "Fu", whole(), 'c = Functions("{}")\n'),
        signed(
            42, "Az" + "Se", "B" + some(_ALNUM, 5), 'c = SearchClient(url, "i", AzureKeyCredential("{}"))\n'
        ),
        signed(33, "+" + "ARm", half(), "RELAY_KEY={}\n"),
        signed(33, "+" + "AEh", half(), 'hub = Producer(credential=SharedKey("root", "{}"))\n'),
        signed(33, "+" + "ASb", half(), "BUS_KEY={}\n"),
        signed(33, "AI" + "oT", half(), "HUB_KEY={}\n"),
        signed(33, "Az" + "Ca", half(), "CACHE_KEY={}\n"),
        signed(33, "AZ" + "EG", half(), "GRID_KEY={}\n"),
        signed(76, "+" + "ASt", whole(), 'c = BlobServiceClient(url, credential="{}")\n'),
        signed(76, "AC" + "Db", whole(), 'c = CosmosClient(url, credential="{}")\n'),
        signed(76, "+" + "ABa", whole(), "BATCH_KEY={}\n"),
        signed(76, "+" + "AMC", whole(), 'h = {"Authorization": "Bearer {}"}\n'),
        signed(76, "AP" + "IM", whole(), "APIM_KEY={}\n"),
        signed(42, "+" + "ACR", "B" + some(_ALNUM, 5), "docker login ml.azurecr.io -u ml -p {}\n"),
        Sample("azure", key(64), 'c = CosmosClient("https://ml.documents.azure.com", "{}")\n'),
        Sample("azure", uuid, 'monitor("Instrumentation' + 'Key={};IngestionEndpoint=https://ml/")\n'),
        Sample("azure", some(_ALNUM, 54), 'post("https://ml.azurewebsites' + '.net/api/score?code={}")\n'),
        Sample("connection", password, 'sql = "Pwd={};UID=train;Server=tcp:ml,1433"\n'),
        Sample("connection", key(32), f'cache = "{host}:6380,password=' + '{},ssl=True"\n'),
    ]
