"""A made-up secret for each rule, assembled at run time, for `mlroad guard selftest`."""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from mlroad.guard.secret_finder import NAMED
from mlroad.guard.token_samples import (
    ALNUM,
    DIGITS,
    HEX,
    LOWER,
    NAMED_TEXTS,
    TOKENS,
    UPPER,
    URL64,
    make_token,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A secret, the kind that the scan must name, and a text with ``{}`` for it."""

    kind: str
    secret: str
    text: str = 'value = "{}"\n'
    ending: str = "txt"

    def written(self) -> str:
        return self.text.replace("{}", self.secret)


def samples(seed: int = 1) -> list[Sample]:
    """At least one sample for each built-in rule and for each plugin of the engine.

    Without its rule, a sample is not found as its kind: so the selftest notices each rule that is gone.
    """
    made = random.Random(seed)  # noqa: S311 - not real secrets, and the same every time

    def some(alphabet: str, length: int) -> str:
        return "".join(made.choices(alphabet, k=length))

    def key(count: int) -> str:
        return base64.b64encode(made.randbytes(count)).decode()

    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).decode().rstrip("=")
    dashes, word = "-" * 5, "PRIVATE" + " KEY"
    uuids = [
        str(base64.b16encode(made.randbytes(4)), "ascii").lower() + "-1111-4222-8333-" + some(HEX, 12)
        for _ in "123"
    ]
    password = "Tr" + "ee9!" + some(ALNUM, 8)
    return [
        Sample(
            "Azure account key in a connection string",
            key(64),
            'c = Blob.from_connection_string("AccountName=ml;AccountKey={};EndpointSuffix=core")\n',
        ),
        Sample(
            "Event Hub, Service Bus or IoT Hub connection string",
            key(32),
            'c = Hub("Endpoint=sb://ml/;SharedAccessKeyName=root;SharedAccessKey={}")\n',
        ),
        Sample(
            "Entra client secret",
            some(ALNUM, 3) + "8Q" + "~" + some(ALNUM, 34),
            'c = Credential(client_id="app", client_secret="{}")\n',
        ),
        Sample(
            "Azure SAS token",
            "sv=2024-11-04&sr=c&sp=rl&sig=" + some(ALNUM, 42) + "%3D",
            'u = "https://ml.blob.core.windows.net/raw?{}"\n',
        ),
        Sample(
            "Azure DevOps token",
            some(ALNUM, 52) + "JQ" + "QJ99" + "BA" + "AC" * 8 + "AZ" + "DO" + some(ALNUM, 4),
        ),
        Sample("Azure DevOps token", some(LOWER + "234567", 52)),
        Sample(
            "Database password in a connection string",
            password,
            'sql = "Server=tcp:ml,1433;User ID=train;Password={};Encrypt=True"\n',
        ),
        Sample("Databricks token", "da" + "pi" + some(HEX, 32)),
        Sample("GitHub token", "gh" + "p_" + some(ALNUM, 36), 'hub = Github("{}")\n'),
        Sample("GitHub fine-grained token", "github" + "_pat_" + some(ALNUM, 22) + "_" + some(ALNUM, 59)),
        Sample("GitLab token", "gl" + "pat-" + some(ALNUM, 20)),
        Sample("Atlassian token", "AT" + "ATT" + some(ALNUM, 60)),
        Sample("Hugging Face token", "h" + "f_" + some(LOWER + UPPER, 34), 'login("{}")\n'),
        Sample(
            "Anthropic key", "sk-" + "ant-api03-" + some(ALNUM, 93) + "AA", 'c = Anthropic(api_key="{}")\n'
        ),
        Sample(
            "OpenAI key",
            "sk-" + "proj-" + some(ALNUM, 74) + "T3Blbk" + "FJ" + some(ALNUM, 74),
            'c = OpenAI(api_key="{}")\n',
        ),
        Sample("Groq key", "gs" + "k_" + some(ALNUM, 52)),
        Sample("AWS access key id", "AK" + "IA" + some(UPPER + "234567", 16)),
        Sample("Google API key", "AI" + "za" + some(ALNUM, 35)),
        Sample(
            "Slack token", "xo" + "xb-" + some(DIGITS, 12) + "-" + some(DIGITS, 12) + "-" + some(ALNUM, 24)
        ),
        Sample(
            "Teams or Power Automate webhook",
            f"https://ml.webhook.office.com/webhookb2/{uuids[0]}@{uuids[1]}/Incoming"
            + f"Webhook/{some(HEX, 32)}/{uuids[2]}",
        ),
        Sample("PyPI token", "pypi-" + "AgEIcHlwaS5vcmc" + some(URL64, 120)),
        Sample("npm token", "np" + "m_" + some(ALNUM, 36)),
        Sample("NuGet key", "oy" + "2" + some(LOWER + "234567", 43)),
        Sample("Artifactory token", "AK" + "Cp" + some(ALNUM, 69)),
        Sample("Docker Hub token", "dckr" + "_pat_" + some(ALNUM, 27)),
        Sample("HashiCorp Vault token", "hv" + "s." + some(ALNUM, 90)),
        Sample(
            "Private key",
            f"{dashes}BEGIN {word}{dashes}\n{key(48)}\n{key(48)}\n{dashes}END {word}{dashes}",
            "{}\n",
        ),
        Sample(
            "Private key in Base64",
            base64.b64encode(b"\x30\x82\x04\xa4\x02\x01\x00\x02" + made.randbytes(90)).decode(),
        ),
        Sample("JSON Web Token", f"{head}.{some(ALNUM, 80)}.{some(URL64, 43)}"),
        Sample("Password in a URL", password, "uri: postgresql://train:{}@db.ml.net/raw\n"),
        Sample("Token in a URL", some(ALNUM, 40), "git clone https://{}@ml.net/train.git\n"),
        Sample("Password in a pgpass line", password, "db.ml.net:5432:raw:train:{}\n"),
        Sample("Password in SQL", password, "EXEC sp_addlogin 'train', '{}';\n"),
        Sample("Bearer token", some(ALNUM, 40), 'h = {"X": "Bearer {}"}\n'),
        Sample("Password in a netrc line", password, "machine ml.net login me password {}\n"),
        *(Sample(NAMED.kind, password, text, ending) for text, ending in NAMED_TEXTS),
        Sample("SendGrid API Key", "SG" + "." + some(ALNUM, 22) + "." + some(ALNUM, 43)),
        Sample("Mailchimp Access Key", some(HEX, 32) + "-us" + "12"),
        Sample("Stripe Access Key", "sk_" + "live_" + some(ALNUM, 24)),
        Sample("Square OAuth Secret", "sq0" + "csp-" + some(ALNUM, 43)),
        Sample("Twilio API Key", "AC" + some(HEX, 32)),
        Sample(
            "Discord Bot Token",
            "M" + some(ALNUM, 23) + "." + some(ALNUM, 6) + "." + some(ALNUM, 27),
            'bot_token = "{}"\n',
        ),
        Sample(
            "Basic authorization header",
            base64.b64encode(f"train:{password}".encode()).decode(),
            "authorization: Basic {}\n",
        ),
        *_of_azure(some, key, uuids[0], password),
        *(Sample(kind, make_token(pieces, some), text) for kind, pieces, text in TOKENS),
    ]


def token(kind: str, seed: int = 1) -> str:
    """A made-up secret of a kind; another one for another seed."""
    return next(sample.secret for sample in samples(seed) if sample.kind == kind)


def _of_azure(
    some: Callable[[str, int], str], key: Callable[[int], str], uuid: str, password: str
) -> list[Sample]:
    """Further Azure services, each with its own format."""

    def signed(kind: str, before: int, mark: str, after: str, text: str = 'key = "{}"\n') -> Sample:
        return Sample(kind, some(ALNUM, before) + mark + after, text)

    def annotated(kind: str, provider: str, text: str) -> Sample:
        tail = "BA" + "AC" * 8 + provider + some(ALNUM, 4)
        return Sample(kind, some(ALNUM, 52) + "JQ" + "QJ99" + tail, text)

    def half() -> str:  # the end of a 32-byte key
        return "B" + some(ALNUM, 5) + "="

    def whole() -> str:  # the end of a 64-byte key
        return some(ALNUM, 5) + "Q" + "=="

    host = "ml.redis.cache" + ".windows.net"
    return [
        annotated("Azure OpenAI or AI services key", "AC" + "OG", 'c = AzureOpenAI(api_key="{}")\n'),
        annotated("Microsoft annotated key", "AB" + "CD", "MAPS_KEY={}\n"),
        signed("Azure Functions key", 44, "Az" + "Fu", whole(), 'c = Functions("{}")\n'),
        signed(
            "Azure AI Search key",
            42,
            "Az" + "Se",
            "B" + some(ALNUM, 5),
            'c = SearchClient(url, "i", AzureKeyCredential("{}"))\n',
        ),
        signed("Azure Relay key", 33, "+" + "ARm", half(), "RELAY_KEY={}\n"),
        signed(
            "Event Hub key", 33, "+" + "AEh", half(), 'hub = Producer(credential=SharedKey("root", "{}"))\n'
        ),
        signed("Service Bus key", 33, "+" + "ASb", half(), "BUS_KEY={}\n"),
        signed("IoT Hub key", 33, "AI" + "oT", half(), "HUB_KEY={}\n"),
        signed("Azure Cache for Redis key", 33, "Az" + "Ca", half(), "CACHE_KEY={}\n"),
        signed("Event Grid key", 33, "AZ" + "EG", half(), "GRID_KEY={}\n"),
        signed(
            "Azure storage account key",
            76,
            "+" + "ASt",
            whole(),
            'c = BlobServiceClient(url, credential="{}")\n',
        ),
        signed("Cosmos DB key", 76, "AC" + "Db", whole(), 'c = CosmosClient(url, credential="{}")\n'),
        signed("Azure Batch key", 76, "+" + "ABa", whole(), "BATCH_KEY={}\n"),
        signed("Azure ML endpoint key", 76, "+" + "AMC", whole(), 'h = {"Authorization": "Bearer {}"}\n'),
        signed("API Management key", 76, "AP" + "IM", whole(), "APIM_KEY={}\n"),
        signed(
            "Container registry password",
            42,
            "+" + "ACR",
            "B" + some(ALNUM, 5),
            "docker login ml.azurecr.io -u ml -p {}\n",
        ),
        Sample(
            "Azure 64-byte key (storage, Cosmos DB)",
            key(64),
            'c = CosmosClient("https://ml.documents.azure.com", "{}")\n',
        ),
        Sample(
            "Application Insights connection string",
            uuid,
            'monitor("Instrumentation' + 'Key={};IngestionEndpoint=https://ml/")\n',
        ),
        Sample(
            "Azure Functions key in a URL",
            some(ALNUM, 54),
            'post("https://ml.azurewebsites' + '.net/api/score?code={}")\n',
        ),
        Sample(
            "Database password in a connection string",
            password,
            'sql = "Pwd={};UID=train;Server=tcp:ml,1433"\n',
        ),
        Sample(
            "Password in a connection string of a cache",
            key(32),
            f'cache = "{host}:6380,password=' + '{},ssl=True"\n',
        ),
    ]
