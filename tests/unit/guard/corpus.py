# ruff: noqa: E501 - one line for each case reads best
"""Made-up secrets and harmless look-alikes. Tokens are put together at run time: no file here holds one."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
from dataclasses import dataclass
from typing import Any

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGITS
HEX = DIGITS + "abcdef"
B64 = ALNUM + "+/"
URL64 = ALNUM + "-_"


@dataclass(frozen=True, slots=True)
class Case:
    """A file with one planted secret, or none. ``token`` is the secret that must be found."""

    kind: str
    file: str
    text: str
    token: str = ""


class Maker:
    """Random strings from a seed, so that a failure can be repeated."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def hex(self, length: int) -> str:
        return self.of(HEX, length)

    def alnum(self, length: int) -> str:
        return self.of(ALNUM, length)

    def bytes64(self, count: int) -> str:
        """Base64 of random bytes, with the right padding."""
        return base64.b64encode(self._random.randbytes(count)).decode()

    def uuid(self) -> str:
        return "-".join(self.hex(length) for length in (8, 4, 4, 4, 12))

    def jwt(self) -> str:
        parts = ({"alg": "RS256", "typ": "JWT"}, {"sub": self.alnum(12), "aud": "api", "exp": 1_900_000_000})
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
        )
        return f"{head}.{body}.{self.of(URL64, 342)}"

    def pem(self, name: str) -> str:
        dashes = "-" * 5
        body = "\n".join(self.of(B64, 64) for _ in range(12))
        return f"{dashes}BEGIN {name}{dashes}\n{body}\n{dashes}END {name}{dashes}\n"


def cell(source: str, *outputs: dict[str, Any], kind: str = "code", **metadata: Any) -> dict[str, Any]:
    """A notebook cell as Jupyter writes it."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": "abc",
        "metadata": metadata,
        "source": source.splitlines(True),
    }
    if kind == "code":
        made |= {"execution_count": None, "outputs": list(outputs)}
    return made


def notebook(*cells: dict[str, Any], indent: int | None = 1) -> str:
    """The text of an .ipynb file."""
    made = {
        "cells": list(cells),
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=indent, ensure_ascii=False) + "\n"


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(True)}


def display(**data: Any) -> dict[str, Any]:
    """``display(text_html="...")``: a MIME bundle, with _ for the slash."""
    bundle = {key.replace("_", "/", 1).replace("__", "."): value for key, value in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def traceback(text: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": "E", "evalue": text, "traceback": ["\x1b[0;31mE\x1b[0m", text]}


def secrets(seed: int = 20261115) -> list[Case]:
    """One file for each planted secret."""
    m = Maker(seed)
    cases: list[Case] = []

    def add(kind: str, file: str, template: str, token: str) -> None:
        """The token replaces ``@@`` in the template; in a notebook, it is escaped for JSON."""
        inserted = json.dumps(token)[1:-1] if file.endswith((".ipynb", ".json")) else token
        cases.append(Case(kind, file, template.replace("@@", inserted), token))

    storage = m.bytes64(64)
    add("storage key", "a.py", 'key = "@@"\n', storage)
    account = (
        "DefaultEndpointsProtocol=https;AccountName=contosoml;AccountKey=@@;EndpointSuffix=core.windows.net"
    )
    add("storage connection string", "load.py", f'CONN = "{account}"\n', m.bytes64(64))
    add("storage connection string", ".env", f"AZURE_STORAGE_CONNECTION_STRING={account}\n", m.bytes64(64))
    add(
        "storage connection string",
        "x.ipynb",
        notebook(cell(f'c = BlobServiceClient.from_connection_string("{account}")')),
        m.bytes64(64),
    )
    add(
        "storage key, annotated",
        "job.yml",
        "account_key: @@\n",
        m.of(B64, 76) + "+A" + "St" + m.of(B64, 5) + "w==",
    )
    signed = "?sv=2024-11-04&ss=b&srt=sco&sp=rl&se=2027-01-01T00:00:00Z&spr=https&sig=@@"
    add(
        "SAS URL",
        "read.py",
        f'df = pd.read_csv("https://contoso.blob.core.windows.net/raw/a.csv{signed}")\n',
        m.of(ALNUM, 40) + "%2B" + "%3D",
    )
    add(
        "SAS URL",
        "eda.ipynb",
        notebook(cell("url", stream(f"https://contoso.blob.core.windows.net/raw{signed}\n"))),
        m.of(ALNUM, 42) + "%3D",
    )
    add(
        "SAS token",
        "data.yml",
        "sas: sv=2024-11-04&st=2026-01-01&se=2027-01-01&sr=c&sp=racwl&sig=@@\n",
        m.of(ALNUM, 41) + "%2F%3D",
    )
    add(
        "SAS token",
        "appsettings.json",
        '{"Blob": "https://c.blob.core.windows.net/x?sv=2024-11-04\\u0026sr=c\\u0026sig=@@"}\n',
        m.of(ALNUM, 42) + "%3D",
    )
    add(
        "Entra client secret",
        "auth.py",
        'cred = ClientSecretCredential(tenant_id="t", client_id="c", client_secret="@@")\n',
        m.alnum(3) + "8Q" + "~" + m.of(ALNUM + "_.-", 34),
    )
    add(
        "Entra client secret",
        "auth.ipynb",
        notebook(cell('secret = "@@"')),
        m.alnum(3) + "8Q" + "~" + m.of(ALNUM + "_.", 34),
    )
    add("Entra client secret", ".env", "AZURE_CLIENT_SECRET=@@\n", m.alnum(3) + "7Q" + "~" + m.alnum(31))
    add(
        "DevOps PAT, 52",
        "pip.conf",
        "[global]\nextra-index-url = https://build:@@@pkgs.dev.azure.com/contoso/_packaging/ml/pypi/simple/\n",
        m.of(LOWER + "234567", 52),
    )
    add("DevOps PAT, 52", "push.py", 'pat = "@@"\n', m.of(LOWER + "234567", 52))
    add(
        "DevOps PAT, 84",
        "azure.yml",
        "  token: @@\n",
        m.alnum(52) + "JQ" + "QJ99" + "BA" + m.alnum(4) + "AAAAAAAA" + "ASAZ" + "AZ" + "DO" + m.alnum(4),
    )
    add(
        "Cosmos connection string",
        "c.py",
        'c = CosmosClient.from_connection_string("AccountEndpoint=https://contoso.documents.azure.com:443/;AccountKey=@@;")\n',
        m.bytes64(64),
    )
    add(
        "Cosmos key, bare",
        "c.ipynb",
        notebook(cell('client = CosmosClient(URL, credential="@@")')),
        m.bytes64(64),
    )
    add(
        "Cosmos key, annotated",
        "c.json",
        '{"Cosmos": {"k": "@@"}}\n',
        m.of(B64, 76) + "AC" + "Db" + m.of(B64, 5) + "A==",
    )
    hub = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=@@"
    add(
        "Event Hub connection string",
        "stream.py",
        f'producer = EventHubProducerClient.from_connection_string("{hub};EntityPath=e")\n',
        m.bytes64(32),
    )
    add(
        "Event Hub key, annotated",
        "hub.yml",
        "hub: '@@'\n",
        m.of(B64, 33) + "+A" + "EhC" + m.of(B64, 5) + "=",
    )
    add("Service Bus connection string", "queue.json", f'{{"Queue": "{hub}"}}\n', m.bytes64(32))
    sql = "Server=tcp:contoso.database.windows.net,1433;Initial Catalog=ml;User ID=train;Password=@@;Encrypt=True;"
    add("SQL connection string", "sql.py", f'engine = "{sql}"\n', "Tr4in" + "-me!" + m.alnum(8))
    add(
        "SQL connection string",
        "appsettings.json",
        f'{{"ConnectionStrings": {{"Default": "{sql}"}}}}\n',
        "Xy7" + "$kq" + m.alnum(9),
    )
    add(
        "SQL connection string, ODBC",
        "odbc.ipynb",
        notebook(
            cell(
                'cn = pyodbc.connect("DRIVER={ODBC Driver 18 for SQL Server};SERVER=c.database.windows.net;DATABASE=ml;UID=me;PWD=@@")'
            )
        ),
        "Win" + "ter#" + m.alnum(7),
    )
    add(
        "Function key in URL",
        "call.py",
        'requests.post("https://contoso-score.azurewebsites.net/api/score?code=@@", json=row)\n',
        m.of(ALNUM + "_-", 54) + "==",
    )
    add(
        "Function key, annotated",
        "f.md",
        "Call it with `x-functions-key: @@`.\n",
        m.of(URL64, 44) + "Az" + "Fu" + m.of(URL64, 5) + "Q==",
    )
    add(
        "Search key, annotated",
        "s.py",
        'SearchClient(url, "idx", AzureKeyCredential("@@"))\n',
        m.alnum(42) + "Az" + "SeB" + m.alnum(5),
    )
    add("Search key, legacy", ".env", "AZURE_SEARCH_ADMIN_KEY=@@\n", m.of(DIGITS + "ABCDEF", 32))
    add(
        "App Insights connection string",
        "log.py",
        'configure_azure_monitor(connection_string="InstrumentationKey=@@;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/")\n',
        m.uuid(),
    )
    add(
        "App Insights connection string",
        ".env",
        "APPLICATIONINSIGHTS_CONNECTION_STRING=InstrumentationKey=@@;IngestionEndpoint=https://x/\n",
        m.uuid(),
    )
    add(
        "Container registry password",
        "acr.yml",
        "password: @@\n",
        m.of(B64, 42) + "+A" + "CRB" + m.of(B64, 5),
    )
    add(
        "Container registry password",
        "README.md",
        "    docker login contoso.azurecr.io -u contoso -p @@\n",
        m.of(ALNUM + "+/", 32),
    )
    add(
        "Azure OpenAI key, legacy",
        "llm.py",
        'client = AzureOpenAI(azure_endpoint=URL, api_key="@@", api_version="2024-10-21")\n',
        m.hex(32),
    )
    add(
        "Azure OpenAI key, legacy",
        "llm.ipynb",
        notebook(cell('os.environ["AZURE_OPENAI_API_KEY"] = "@@"')),
        m.hex(32),
    )
    add(
        "Azure OpenAI key, annotated",
        "llm.yml",
        "k: @@\n",
        m.alnum(52) + "JQ" + "QJ99" + "BC" + "ACYeBjFXJ3w3" + "AAAB" + "AC" + "OG" + m.alnum(4),
    )
    add("AML endpoint key", "score.py", 'headers = {"Authorization": "Bearer @@"}\n', m.alnum(32))
    add(
        "AML endpoint key, annotated",
        "score.ipynb",
        notebook(cell('endpoint = Client("@@")')),
        m.alnum(52) + "JQ" + "QJ99" + "BD" + "AAAAAAAAAAAA" + "INFR" + "AZ" + "ML" + m.alnum(4),
    )
    add(
        "Databricks token",
        "db.py",
        'spark = DatabricksSession.builder.remote(host=H, token="@@").getOrCreate()\n',
        "da" + "pi" + m.hex(32),
    )
    add(
        "Databricks token",
        "db.ipynb",
        notebook(cell("%env X", stream("DATABRICKS_TOKEN=@@\n"))),
        "da" + "pi" + m.hex(32) + "-2",
    )
    add("GitHub token", "gh.py", 'g = Github("@@")\n', "gh" + "p_" + m.alnum(36))
    add("GitHub token", "gh.yml", "  GH_TOKEN: @@\n", "gh" + "s_" + m.alnum(36))
    add(
        "GitHub fine-grained token",
        "requirements.txt",
        "model-lib @ git+https://@@@github.com/contoso/model-lib\n",
        "github" + "_pat_" + m.alnum(22) + "_" + m.alnum(59),
    )
    add(
        "GitLab token",
        ".npmrc",
        "//gitlab.com/api/v4/packages/npm/:_authToken=@@\n",
        "gl" + "pat-" + m.of(URL64, 20),
    )
    add("Hugging Face token", "hf.py", 'login("@@")\n', "h" + "f_" + m.of(LOWER + UPPER, 34))
    add(
        "Hugging Face token",
        "hf.ipynb",
        notebook(cell("!huggingface-cli login --token @@")),
        "h" + "f_" + m.of(LOWER + UPPER, 34),
    )
    add(
        "OpenAI key, project",
        "oa.py",
        'client = OpenAI(api_key="@@")\n',
        "sk-" + "proj-" + m.of(URL64, 74) + "T3Blbk" + "FJ" + m.of(URL64, 74),
    )
    add(
        "OpenAI key, service account",
        ".env",
        "OPENAI_API_KEY=@@\n",
        "sk-" + "svcacct-" + m.of(URL64, 58) + "T3Blbk" + "FJ" + m.of(URL64, 58),
    )
    add(
        "OpenAI key, old",
        "oa.ipynb",
        notebook(cell('openai.api_key = "@@"')),
        "sk-" + m.alnum(20) + "T3Blbk" + "FJ" + m.alnum(20),
    )
    add(
        "Anthropic key",
        "claude.py",
        'Anthropic(api_key="@@")\n',
        "sk-" + "ant-api03-" + m.of(URL64, 93) + "AA",
    )
    add(
        "Slack token",
        "notify.py",
        'WebClient(token="@@")\n',
        "xo" + "xb-" + m.of(DIGITS, 12) + "-" + m.of(DIGITS, 13) + "-" + m.alnum(24),
    )
    add(
        "Slack webhook",
        "notify.yml",
        "url: @@\n",
        "https://hooks.slack.com/"
        + "services/T"
        + m.of(UPPER + DIGITS, 8)
        + "/B"
        + m.of(UPPER + DIGITS, 8)
        + "/"
        + m.alnum(24),
    )
    add(
        "Teams webhook",
        "teams.py",
        'HOOK = "@@"\n',
        f"https://contoso.webhook.office.com/webhookb2/{m.uuid()}@{m.uuid()}/"
        + f"IncomingWebhook/{m.hex(32)}/{m.uuid()}",
    )
    add(
        "Teams workflow webhook",
        "teams.json",
        '{"hook": "https://prod-12.westeurope.logic.azure.com:443/workflows/'
        + m.hex(32)
        + '/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=@@"}\n',
        m.of(URL64, 43),
    )
    add(
        "AWS access key id",
        "s3.py",
        'boto3.client("s3", aws_access_key_id="@@")\n',
        "AK" + "IA" + m.of(UPPER + "234567", 16),
    )
    add("AWS secret access key", "credentials", "[default]\naws_secret_access_key = @@\n", m.of(B64, 40))
    add(
        "AWS secret access key",
        "s3.ipynb",
        notebook(cell('os.environ["AWS_SECRET_ACCESS_KEY"] = "@@"')),
        m.of(B64, 40),
    )
    add("Google API key", "maps.py", 'genai.configure(api_key="@@")\n', "AI" + "za" + m.of(URL64, 35))
    service = {"type": "service_account", "project_id": "p", "private_key_id": m.hex(40)}
    service["private_key"] = m.pem("PRIVATE " + "KEY")
    service["client_email"] = "x@p.iam.gserviceaccount.com"
    cases.append(Case("Google service account", "sa.json", json.dumps(service, indent=2), "PRIVATE KEY"))
    add("W&B key", "wb.py", 'wandb.login(key="@@")\n', m.hex(40))
    add("W&B key", ".env", "WANDB_API_KEY=@@\n", m.hex(40))
    add(
        "PyPI token",
        ".pypirc",
        "[pypi]\nusername = __token__\npassword = @@\n",
        "pypi-" + "AgEIcHlwaS5vcmc" + m.of(URL64, 140),
    )
    add("npm token", "ci.yml", "      NODE_AUTH_TOKEN: @@\n", "np" + "m_" + m.alnum(36))
    add("JSON Web Token", "api.ipynb", notebook(cell("print(t)", stream("@@\n"))), m.jwt())
    add("JSON Web Token", "api.py", 'HEADERS = {"Authorization": "Bearer @@"}\n', m.jwt())
    cases.append(Case("RSA private key", "id_rsa", m.pem("RSA PRIVATE " + "KEY"), "PRIVATE KEY"))
    cases.append(
        Case(
            "OpenSSH private key",
            "deploy.yml",
            "key: |\n" + "".join(f"  {line}\n" for line in m.pem("OPENSSH PRIVATE " + "KEY").splitlines()),
            "PRIVATE KEY",
        )
    )
    add(
        "password in a URL",
        "db.yml",
        "uri: postgresql+psycopg2://train:@@@db.contoso.com:5432/ml\n",
        m.alnum(14),
    )
    add(
        "password in a URL",
        "uv.lock",
        'source = { registry = "https://build:@@@nexus.contoso.com/simple" }\n',
        m.alnum(18),
    )
    add(
        "password in a URL",
        "mlflow.ipynb",
        notebook(cell('mlflow.set_tracking_uri("https://ci:@@@mlflow.contoso.com")')),
        "p4" + m.alnum(10),
    )
    add(
        "password in a URL",
        "cache.py",
        'redis.from_url("redis://:@@@cache.contoso.com:6379/0")\n',
        m.alnum(20),
    )
    add("password assigned", "settings.py", 'DB_PASSWORD = "@@"\n', "Summer" + "2026!")
    add("password assigned", "config.yml", "db:\n  user: ml\n  password: @@\n", "hunter" + "2hunter")
    add("password assigned", "config.json", '{"smtp": {"password": "@@"}}\n', "kX9" + "-vb2-Q")
    add("password as a default", "d.py", 'password = os.getenv("DB_PASSWORD", "@@")\n', "S3cr" + "et-train")
    add(
        "password on a command line",
        "run.md",
        "    az sql server update -n c --admin-password @@\n",
        "Qw3r" + "ty!uiop9",
    )
    add(
        "token in HTML output",
        "html.ipynb",
        notebook(cell("df", display(text_html=["<td>@@</td>"]))),
        "gh" + "o_" + m.alnum(36),
    )
    add(
        "token in a traceback",
        "tb.ipynb",
        notebook(cell("f()", traceback("HTTPError: 401 for token @@"))),
        "gh" + "p_" + m.alnum(36),
    )
    add(
        "token in a JSON output",
        "js.ipynb",
        notebook(cell("r", display(application_json={"auth": {"password": "@@"}}))),
        "Zx8" + "!kd0-aa",
    )
    add(
        "token in metadata",
        "pm.ipynb",
        notebook(cell("x", papermill={"parameters": {"api_key": "@@"}})),
        m.hex(32),
    )
    add("Stripe key", "pay.py", 'stripe.api_key = "@@"\n', "sk_" + "live_" + m.alnum(24))
    add("SendGrid key", "mail.yml", "mail: @@\n", "SG" + "." + m.alnum(22) + "." + m.of(URL64, 43))
    add(
        "UTF-16 .env of PowerShell",
        "ps.env",
        "OPENAI_API_KEY=@@\n",
        "sk-" + "proj-" + m.of(URL64, 60) + "T3Blbk" + "FJ" + m.of(URL64, 60),
    )
    return cases


def harmless(seed: int = 7) -> list[Case]:
    """Files that look suspicious but contain no secret."""
    m = Maker(seed)
    sha1, sha256, sha512 = m.hex(40), m.hex(64), m.bytes64(64)
    png = m.bytes64(3_000)
    short = m.bytes64(64)
    made: list[tuple[str, str, str]] = [
        ("git SHA", "pin.yml", f"- uses: actions/checkout@{sha1} # v5\n"),
        ("git SHA", "ref.py", f'REVISION = "{sha1}"\n'),
        ("git SHA in model call", "hf.py", f'AutoModel.from_pretrained("org/model", revision="{sha1}")\n'),
        ("image digest", "Dockerfile", f"FROM mcr.microsoft.com/azureml/base@sha256:{sha256}\n"),
        (
            "lock hash",
            "uv.lock",
            f'sdist = {{ url = "https://files.contoso.com/packages/{m.hex(2)}/{m.hex(60)}/a-1.0.tar.gz", hash = "sha256:{sha256}", size = 12 }}\n',
        ),
        (
            "lock hash",
            "poetry.lock",
            f'content-hash = "{sha256}"\n[[package]]\nname = "tokenizers"\nfiles = [{{file = "a.whl", hash = "sha256:{m.hex(64)}"}}]\n',
        ),
        ("lock hash", "requirements.txt", f"secretstorage==3.3.3 --hash=sha256:{sha256}\n"),
        (
            "integrity",
            "package-lock.json",
            f'{{"js-tokens": {{"version": "4.0.0", "integrity": "sha512-{sha512}"}}}}\n',
        ),
        ("integrity", "yarn.lock", f'js-tokens@^4.0.0:\n  version "4.0.0"\n  integrity sha512-{sha512}\n'),
        (
            "integrity of a script",
            "page.md",
            f'<script src="https://cdn.contoso.com/x.js" integrity="sha384-{m.bytes64(48)}" crossorigin></script>\n',
        ),
        ("wheel RECORD", "RECORD", f"pkg/token.py,sha256={m.of(URL64, 43)},123\n"),
        ("UUID", "ids.py", f'run_id = "{m.uuid()}"\nsecret_id = "{m.uuid()}"\n'),
        ("tenant and client ids", ".env", f"AZURE_TENANT_ID={m.uuid()}\nAZURE_CLIENT_ID={m.uuid()}\n"),
        (
            "subscription id",
            "ws.json",
            f'{{"subscription_id": "{m.uuid()}", "resource_group": "rg", "workspace_name": "ml"}}\n',
        ),
        (
            "resource id",
            "aml.yml",
            f"compute: /subscriptions/{m.uuid()}/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices/workspaces/ml/computes/cpu\n",
        ),
        (
            "key vault id",
            "kv.py",
            f'VAULT = "/subscriptions/{m.uuid()}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv/secrets/db-password"\n',
        ),
        (
            "key vault URL",
            "kv.yml",
            f"secret: https://contoso.vault.azure.net/secrets/db-password/{m.hex(32)}\n",
        ),
        (
            "key vault reference",
            "app.json",
            '{"DbPassword": "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/db)"}\n',
        ),
        ("notebook picture", "pic.ipynb", notebook(cell("plot()", display(image_png=png)))),
        ("notebook picture, short", "pic2.ipynb", notebook(cell("plot()", display(image_png=short)))),
        (
            "notebook SVG",
            "svg.ipynb",
            notebook(
                cell(
                    "plot()",
                    display(
                        **{
                            "image_svg+xml": f'<svg><path id="m{m.hex(10)}" d="M 0 0"/><image href="data:image/png;base64,{png}"/></svg>'
                        }
                    ),
                )
            ),
        ),
        (
            "picture in HTML output",
            "html.ipynb",
            notebook(cell("df", display(text_html=f'<img src="data:image/png;base64,{short}"/>'))),
        ),
        (
            "picture attached to a cell",
            "att.ipynb",
            notebook(
                {
                    "cell_type": "markdown",
                    "metadata": {},
                    "source": ["![](attachment:a.png)"],
                    "attachments": {"a.png": {"image/png": short}},
                }
            ),
        ),
        (
            "plotly arrays",
            "plotly.ipynb",
            notebook(
                cell(
                    "fig",
                    display(
                        **{
                            "application_vnd.plotly.v1+json": {
                                "data": [{"y": {"dtype": "f8", "bdata": short}}]
                            }
                        }
                    ),
                )
            ),
        ),
        (
            "plotly arrays in HTML",
            "plotly2.ipynb",
            notebook(
                cell(
                    "fig",
                    display(
                        text_html=f'<script>Plotly.newPlot("{m.uuid()}", [{{"y":{{"dtype":"f8","bdata":"{short}"}}}}])</script>'
                    ),
                )
            ),
        ),
        (
            "widget view",
            "widget.ipynb",
            notebook(
                cell(
                    "w",
                    display(
                        **{
                            "application_vnd.jupyter.widget-view+json": {
                                "model_id": m.hex(32),
                                "version_major": 2,
                            }
                        }
                    ),
                )
            ),
        ),
        (
            "data frame of hashes",
            "df.ipynb",
            notebook(cell("df", stream(f"   row_hash\n0  {m.hex(64)}\n1  {m.hex(64)}\n"))),
        ),
        ("picture in Markdown", "fig.md", f"![plot](data:image/png;base64,{short})\n"),
        ("picture in Python", "logo.py", f'LOGO = "data:image/png;base64,{short}"\n'),
        ("picture in CSS", "a.css", f"a {{ background: url(data:font/woff2;base64,{m.bytes64(500)}) }}\n"),
        (
            "environment",
            "env.py",
            'key = os.environ["OPENAI_API_KEY"]\npassword = os.getenv("DB_PASSWORD")\n',
        ),
        ("environment", "env2.py", 'client = OpenAI(api_key=os.environ.get("OPENAI_API_KEY", ""))\n'),
        ("environment in YAML", "env.yml", "password: ${DB_PASSWORD}\ntoken: $TOKEN\nkey: $(API_KEY)\n"),
        (
            "workflow secret",
            "ci.yml",
            "env:\n  GH_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n  password: ${{ secrets.ACR_PASSWORD }}\n",
        ),
        ("workflow permission", "ci2.yml", "permissions:\n  id-token: write\n  contents: read\n"),
        (
            "cache key",
            "ci3.yml",
            "key: ${{ runner.os }}-uv-${{ hashFiles('uv.lock') }}\nrestore-keys: linux-uv-2026\n",
        ),
        ("Jinja variable", "t.yml", "password: {{ db_password }}\napi_key: '{{ api_key }}'\n"),
        (
            "placeholder",
            "docs.md",
            'export OPENAI_API_KEY="sk-..."\nexport HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n',
        ),
        ("placeholder", "docs2.md", "AZURE_CLIENT_SECRET=<your-client-secret>\npassword: changeme\n"),
        (
            "reference",
            "ask.sh",
            'http --auth-type=basic -a "train:$PASSWORD" https://ml.net/raw\nhttp -a train: ml.net\n',
        ),
        (
            "address",
            "docs5.md",
            "It listens at http://localhost:8080 -a train:8080 is not http, nor is xhs.\n",
        ),
        ("placeholder", "docs3.md", 'api_key = "YOUR_API_KEY_HERE_1234"\ntoken = "<token>"\n'),
        (
            "placeholder connection string",
            "docs4.md",
            "`DefaultEndpointsProtocol=https;AccountName=<name>;AccountKey=<key>;EndpointSuffix=core.windows.net`\n",
        ),
        (
            "placeholder connection string",
            "docs5.md",
            "Server=tcp:x.database.windows.net;User ID=me;Password={your_password};\n",
        ),
        (
            "placeholder URL",
            "docs6.md",
            "postgresql://user:password@localhost:5432/db and https://<user>:<token>@dev.azure.com/org\n",
        ),
        (
            "placeholder SAS",
            "docs7.md",
            "https://acct.blob.core.windows.net/c?sv=2024-11-04&sig=<signature>\n",
        ),
        (
            "AWS documentation",
            "docs8.md",
            "aws_access_key_id = AKIAIOSFODNN7"
            + "EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY"
            + "EXAMPLEKEY\n",
        ),
        (
            "storage emulator",
            "azurite.py",
            'CONN = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2'
            + 'UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"\n',
        ),
        (
            "variable in a URL",
            "url.py",
            'uri = f"postgresql://{user}:{password}@{host}/db"\nother = f"https://x:{TOKEN}@github.com/o/r"\n',
        ),
        (
            "variable in a URL",
            "url.sh",
            "git clone https://x-access-token:${TOKEN}@github.com/o/r\npip install --index-url https://$USER:$PAT@pkgs.contoso.com/simple\n",
        ),
        (
            "public URL with port",
            "api.yml",
            "url: https://registry.contoso.com:8443/v2/@scope/pkg\nmlflow: http://localhost:5000\n",
        ),
        (
            "mail in a URL",
            "mail.md",
            "See https://contoso.com/people/me@contoso.com and ssh://git@github.com:22/o/r\n",
        ),
        (
            "model names",
            "models.py",
            'MODEL = "sentence-transformers/all-MiniLM-L6-v2"\nLLM = "meta-llama/Llama-3.3-70B-Instruct"\nkey_model = "gpt-4o-2024-11-20"\n',
        ),
        (
            "special tokens",
            "tok.py",
            'pad_token = "[PAD]"\neos_token="<|endoftext|>"\nbos_token = "<s>"\ntoken_pattern = r"(?u)\\b\\w\\w+\\b"\n',
        ),
        (
            "special tokens",
            "tokenizer_config.json",
            '{"cls_token": "[CLS]", "unk_token": "<unk>", "additional_special_tokens": ["<|im_start|>"], "tokenizer_class": "LlamaTokenizerFast2"}\n',
        ),
        (
            "token counts",
            "usage.py",
            'max_tokens = 4096\nusage = {"prompt_tokens": 12, "total_tokens": 42}\n',
        ),
        (
            "type hints",
            "types.py",
            "def login(user: str, password: str, token: str | None = None) -> Secret: ...\n",
        ),
        (
            "schema",
            "schema.json",
            '{"properties": {"password": {"type": "string"}, "api_key": {"type": "string", "format": "password"}}}\n',
        ),
        (
            "form",
            "form.py",
            'password_label = "Enter your password"\ntype_ = "password"\nfield = Field(name="password", placeholder="Password")\n',
        ),
        (
            "messages",
            "err.py",
            'raise ValueError("The password is wrong: use 8 characters")\nINVALID_TOKEN = "invalid_token_error"\n',
        ),
        (
            "names of secrets",
            "names.py",
            'SECRET_NAME = "storage-account-key-2024"\nsecret_scope = "ml-prod-scope1"\nkey_path = "/run/secrets/db_password1"\n',
        ),
        (
            "names of secrets",
            "names.yml",
            "secretName: db-credentials-v2\nsecretKeyRef:\n  key: connection-string-1\n",
        ),
        (
            "path of a wheel",  # its random-looking part depends on the commit
            "pyproject.toml",
            "".join(
                f'mlroad = {{ path = "vendor/mlroad-0.2.0+g{commit}-py3-none-any.whl" }}\n'
                for commit in ("a1b2c3d4e5f6", "5fa9a4db65ad", "2bcba83f1d18")
            ),
        ),
        ("Databricks secret", "dbx.py", 'pw = dbutils.secrets.get(scope="ml", key="sql-password-2")\n'),
        (
            "dictionary keys",
            "keys.py",
            'key = "mean_squared_error_2"\nsort_key = "created_at_2024"\npartition_key = "/customerId2"\n',
        ),
        (
            "cache digest",
            "cache.py",
            f'cache_key = "{m.hex(32)}"\netag = "{m.hex(32)}"\nmd5 = "{m.hex(32)}"\n',
        ),
        ("test hash", "test_hash.py", f'assert digest("a") == "{hashlib.sha256(b"a").hexdigest()}"\n'),
        ("public key", "pub.md", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + m.of(B64, 43) + " me@laptop\n"),
        (
            "text about private keys",
            "pem.py",
            'if text.startswith("-----BEGIN '
            + 'PRIVATE KEY-----"):\n    raise ValueError("a private key")\n',
        ),
        ("certificate", "cert.pem", m.pem("CERTIFICATE")),
        (
            "long identifier",
            "long.py",
            "def compute_weighted_mean_absolute_percentage_error_for_every_segment_and_token(key): ...\n",
        ),
        ("long word of base32", "words.md", "abcdefghijklmnopqrstuvwxyz" * 2 + "\n"),
        (
            "conda environment",
            "conda.yml",
            "name: sk-learn-env\ndependencies:\n  - scikit-learn=1.7.2\n  - pip:\n    - tokenizers==0.22.1\n",
        ),
        (
            "data set",
            "data.csv",
            "id,key,token\n" + "".join(f"{i},{m.alnum(8)},{m.alnum(6)}\n" for i in range(20)),
        ),
        ("OpenTelemetry ids", "trace.json", f'{{"trace_id": "{m.hex(32)}", "span_id": "{m.hex(16)}"}}\n'),
        ("MLflow run", "MLmodel", f"model_uuid: {m.hex(32)}\nrun_id: {m.hex(32)}\nsigned: 2026-01-01\n"),
        ("numbers", "num.ipynb", notebook(cell("x", stream("[0.12345678901234567, 9.87654321e-05]\n")))),
        (
            "CSS classes",
            "sk.ipynb",
            notebook(
                cell(
                    "m",
                    display(
                        text_html='<style>#sk-container-id-1 {--sklearn-color-text: #000;}</style><div id="sk-container-id-1" class="sk-top-container"></div>'
                    ),
                )
            ),
        ),
        (
            "hidden by environment in compose",
            "compose.yml",
            "environment:\n  POSTGRES_PASSWORD_FILE: /run/secrets/pg_password1\n  PASSWORD: ${PW:?set it}\n",
        ),
        (
            "argument parser",
            "args.py",
            'parser.add_argument("--token", default=None, help="API token 2")\nparser.add_argument("--password-file")\n',
        ),
        (
            "Terraform",
            "main.tf",
            "password = var.db_password1\nsecret   = azurerm_key_vault_secret.db2.value\n",
        ),
        (
            "assignment from a call",
            "call.py",
            "token = get_token(scope1)\npassword = getpass.getpass()\nsecret = vault['db2']\n",
        ),
        (
            "XML settings",
            "web.xml",
            '<add key="TokenLifetime" value="00:30:00" /><passwordFormat>Hashed256</passwordFormat>\n',
        ),
        (
            "hyperparameter keys",
            "hp.json",
            '{"key": "max_depth_10", "model_key": "random_forest_v2", "api_version": "2024-10-21"}\n',
        ),
        (
            "licence text",
            "LICENSE",
            "Licensed under the Apache License, Version 2.0; you may not use this secret-less file.\n",
        ),
    ]
    return [Case(kind, file, text) for kind, file, text in made]
