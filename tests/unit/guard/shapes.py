# ruff: noqa: E501 - one line for each case reads best
"""Shapes in which a secret is written: a file and a text, with NAME, VALUE and ENV to fill in.

``P`` shapes take a password, ``T`` a generated token, ``K`` an old-style key (hexadecimal). Nothing here is a
secret: values are made at run time from a seed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.unit.guard.corpus import (
    B64,
    DIGITS,
    LOWER,
    UPPER,
    URL64,
    Case,
    Maker,
    cell,
    display,
    notebook,
    stream,
    traceback,
)

NAMES = {
    "P": ("db_password", "password", "sqlPassword", "smtp_pwd", "ADMIN_PASSWORD", "rootPassword", "PGPASSWORD", "redis-password", "ml_db_passwd", "keystore_passphrase"),
    "T": ("api_key", "client_secret", "access_token", "AUTH_TOKEN", "apiKey", "secretKey", "STORAGE_ACCOUNT_KEY", "webhook_secret", "x-api-key", "signing_key", "refreshToken", "COHERE_API_KEY"),
    "K": ("AZURE_OPENAI_API_KEY", "OCP_APIM_SUBSCRIPTION_KEY", "azureml_api_key", "search_admin_key", "COGNITIVE_SERVICES_KEY", "speech_key", "AZURE_MAPS_KEY", "endpoint_key"),
}  # fmt: skip


def password(m: Maker) -> str:
    """A password as people make them, also with the characters that were once excluded."""
    one = m.of("BCDFGHJKLMNPRSTVWZ", 1) + m.of("aeiou", 1) + m.of("bcdfgklmnprstvz", 2) + m.of("aeiou", 1)
    forms = (
        lambda: f"{one}{m.of(DIGITS, 4)}{m.of('!#%*?', 1)}",
        lambda: f"${one}-{m.of(DIGITS, 2)}{m.of(LOWER, 3)}",
        lambda: f"/{m.of(UPPER + LOWER + DIGITS, 6)}!{m.of(DIGITS, 2)}",
        lambda: f"^{one}{m.of(DIGITS, 3)}{m.of(UPPER, 2)}",
        lambda: f"({one}_{m.of(DIGITS, 3)}x",
        lambda: f"{one}|{m.of(DIGITS, 4)}{m.of(LOWER, 2)}",
        lambda: f"{m.of(UPPER, 2)}{m.of(DIGITS, 2)}Example!{m.of(LOWER + DIGITS, 4)}",
        lambda: f"Kq!{m.of(LOWER, 2)}1234567890{m.of(UPPER, 2)}",
        lambda: f"{m.of(UPPER + LOWER + DIGITS, 14)}",
        lambda: f"{one}{m.of('@!', 1)}{m.of(LOWER, 3)}{m.of(DIGITS, 2)}",
    )
    return forms[int(m.of(DIGITS, 1))]()


def token(m: Maker) -> str:
    """A generated token of any alphabet."""
    forms = (
        lambda: m.alnum(32),
        lambda: m.of(LOWER, 20),
        lambda: m.of(UPPER + LOWER, 32),
        lambda: m.alnum(16),
        lambda: m.of(URL64, 43),
        lambda: m.bytes64(32),
        lambda: m.of(LOWER + DIGITS, 24),
        lambda: m.hex(64),
        lambda: m.alnum(40),
        lambda: m.of(UPPER + DIGITS, 24),
    )
    return forms[int(m.of(DIGITS, 1))]()


MAKERS: dict[str, Callable[[Maker], str]] = {"P": password, "T": token, "K": lambda m: m.hex(32)}

# kinds that fit (one letter each), the file, the text
SHAPES: list[tuple[str, str, str]] = [
    ("PTK", "a.py", 'NAME = "VALUE"\n'),
    ("PTK", "typed.py", 'NAME: str = "VALUE"\n'),
    ("PT", "final.py", 'NAME: Final[str] = "VALUE"\n'),
    ("PTK", "pyd.py", 'class Settings(BaseSettings):\n    NAME: SecretStr = SecretStr("VALUE")\n'),
    ("PTK", "field.py", 'class Settings(BaseSettings):\n    NAME: str = Field(default="VALUE", description="How to log in")\n'),
    ("PTK", "argp.py", 'parser.add_argument("--NAME", type=str, default="VALUE", help="how to log in")\n'),
    ("PT", "click.py", '@click.option("--NAME", default="VALUE", show_default=False)\n'),
    ("PTK", "env.py", 'os.environ["ENV"] = "VALUE"\n'),
    ("PTK", "env2.py", 'value = os.environ.get("ENV", "VALUE")\n'),
    ("PTK", "env3.py", 'os.environ.setdefault("ENV", "VALUE")\n'),
    ("PTK", "env4.py", 'value = os.getenv("ENV") or "VALUE"\n'),
    ("PT", "next.py", 'NAME = (\n    "VALUE"\n)\n'),
    ("PT", "back.py", 'NAME = \\\n    "VALUE"\n'),
    ("PTK", "dict.py", 'config = {\n    "host": "db",\n    "NAME": "VALUE",\n}\n'),
    ("PTK", "kw.py", 'client = connect(host="db", NAME="VALUE", timeout=3)\n'),
    ("PT", "default.py", 'def connect(host: str, NAME: str = "VALUE", retries: int = 3) -> None: ...\n'),
    ("P", "auth.py", 'requests.get(URL, auth=("train", "VALUE"), timeout=3)\n'),
    ("P", "auth2.py", 'session.auth = HTTPBasicAuth("train", "VALUE")\n'),
    ("TK", "cred.py", 'client = SearchClient(URL, "index", AzureKeyCredential("VALUE"))\n'),
    ("TK", "header.py", 'requests.post(URL, headers={"Ocp-Apim-Subscription-Key": "VALUE"})\n'),
    ("T", "header2.py", 'requests.post(URL, headers={"Authorization": "Bearer VALUE"})\n'),
    ("PT", "cmp.py", 'if NAME == "VALUE":\n    pass\n'),
    ("P", "fstring.py", 'uri = f"postgresql://{user}:VALUE@{host}:5432/ml"\n'),
    ("P", "odbc.py", 'cn = pyodbc.connect("DRIVER={ODBC Driver 18};SERVER=ml;UID=train;PWD=VALUE")\n'),
    ("P", "keyring.py", 'keyring.set_password("ml", "train", "VALUE")\n'),
    ("PTK", "comment.py", "x = 1\n# NAME: VALUE\n"),
    ("PTK", "commented.py", 'x = 1\n# NAME = "VALUE"\n'),
    ("PT", "docstring.py", '"""Load the table.\n\nLog in with NAME=VALUE on the cluster.\n"""\n'),
    ("PTK", "single.py", "settings.NAME = 'VALUE'\n"),
    ("T", "concat.py", 'NAME = ("VALUE1"\n        "VALUE2")\n'),
    ("PTK", "config.yml", "db:\n  host: ml\n  NAME: VALUE\n"),
    ("PTK", "quoted.yml", "db:\n  NAME: 'VALUE'\n"),
    ("PTK", "k8s.yml", "containers:\n  - name: train\n    env:\n      - name: ENV\n        value: VALUE\n"),
    ("PTK", "k8s2.yaml", 'env:\n  - {name: ENV, value: "VALUE"}\n'),
    ("PTK", "flow.yml", "db: {host: ml, NAME: VALUE, port: 5432}\n"),
    ("PT", "anchor.yml", "x-common: &shared VALUE\nservice:\n  NAME: *shared\n"),
    ("T", "folded.yml", "db:\n  NAME: >-\n    VALUE\n"),
    ("PT", "literal.yml", "db:\n  NAME: |\n    VALUE\n"),
    ("PT", "nextline.yml", "db:\n  NAME:\n    VALUE\n"),
    ("PT", "secret.yml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  NAME: VALUE\n"),
    ("PTK", "azure-pipelines.yml", "variables:\n  - name: ENV\n    value: VALUE\n  - group: ml\n"),
    ("PTK", ".github/workflows/ci.yml", "jobs:\n  a:\n    env:\n      ENV: VALUE\n"),
    ("PT", ".github/workflows/run.yml", "steps:\n  - run: |\n      export ENV=VALUE\n      python train.py\n"),
    ("PT", ".github/workflows/with.yml", "steps:\n  - uses: azure/login@v2\n    with:\n      NAME: VALUE\n"),
    ("PTK", "compose.yml", "services:\n  db:\n    environment:\n      - ENV=VALUE\n"),
    ("PT", "values.yaml", "auth:\n  NAME: VALUE\n  image: {{ .Values.image }}\n"),
    ("PTK", ".env", "HOST=ml\nENV=VALUE\n"),
    ("PTK", "prod.env", 'export ENV="VALUE"\n'),
    ("PTK", "app.json", '{"db": {"host": "ml", "NAME": "VALUE"}}\n'),
    ("PTK", "pairs.json", '{"settings": [{"name": "ENV", "value": "VALUE", "slotSetting": false}]}\n'),
    ("PTK", "turned.json", '[{"value": "VALUE", "name": "ENV"}]\n'),
    ("PT", "arm.parameters.json", '{"parameters": {"location": {"value": "westeurope"}, "NAME": {\n  "value": "VALUE"\n}}}\n'),
    ("PT", "azuredeploy.json", '{"parameters": {"NAME": {"type": "securestring", "defaultValue": "VALUE"}}}\n'),
    ("P", "appsettings.json", '{"ConnectionStrings": {"Sql": "Server=tcp:ml;User ID=train;Password=VALUE;Encrypt=True"}}\n'),
    ("PTK", "nested.json", '{"body": "{\\"NAME\\": \\"VALUE\\"}"}\n'),
    ("K", "kaggle.json", '{"username": "train", "key": "VALUE"}\n'),
    ("PTK", "conf.toml", '[db]\nNAME = "VALUE"\n'),
    ("T", "multi.toml", 'NAME = """\nVALUE"""\n'),
    ("PTK", "inline.toml", 'env = [{ name = "ENV", value = "VALUE" }]\n'),
    ("PTK", "inline2.toml", 'db = { host = "ml", NAME = "VALUE" }\n'),
    ("PT", "main.tf", 'resource "x" "y" {\n  NAME = "VALUE"\n}\n'),
    ("PT", "variables.tf", 'variable "NAME" {\n  type    = string\n  default = "VALUE"\n}\n'),
    ("PTK", "app.tf", 'app_settings = {\n  "ENV" = "VALUE"\n}\n'),
    ("PT", "prod.tfvars", 'NAME = "VALUE"\n'),
    ("PT", "main.bicep", "param NAME string = 'VALUE'\n"),
    ("PTK", "app.bicep", "appSettings: [\n  {\n    name: 'ENV'\n    value: 'VALUE'\n  }\n]\n"),
    ("PT", "props.bicep", "properties: {\n  administratorLogin: 'ml'\n  NAME: 'VALUE'\n}\n"),
    ("PT", "prod.bicepparam", "param NAME = 'VALUE'\n"),
    ("PTK", "set.ps1", '$env:ENV = "VALUE"\n'),
    ("PT", "secure.ps1", '$p = ConvertTo-SecureString "VALUE" -AsPlainText -Force\n'),
    ("PT", "param.ps1", "Connect-Ml -User train -Password 'VALUE'\n"),
    ("PT", "default.ps1", 'param([string]$NAME = "VALUE")\n'),
    ("PTK", "run.sh", "export ENV='VALUE'\n"),
    ("P", "psql.sh", "PGPASSWORD=VALUE psql -h ml -U train\n"),
    ("P", "mysql.sh", "mysql -u train -pVALUE ml < dump.sql\n"),
    ("P", "redis.sh", "redis-cli -h ml -a VALUE ping\n"),
    ("P", "curl-silent.sh", "curl -su 'train:VALUE' https://ml.net\n"),
    ("T", "annotated2.py", 'token: Annotated[str, "x"] = "VALUE"\n'),
    ("T", "is.txt", "The API key is: VALUE\n"),
    ("P", "header-end.csv", "env,db_user,db_pass\nprod,train,VALUE\n"),
    ("P", "htpasswd.sh", "htpasswd -b /etc/nginx/users train VALUE\n"),
    ("P", "sqlplus.sh", "sqlplus train/VALUE@raw\n"),
    ("P", "lftp.sh", "lftp -u train,VALUE sftp://ml.net\n"),
    ("P", "insert.sql", "INSERT INTO users (name, password)\nVALUES ('train', 'VALUE');\n"),
    ("P", "several.py", 'user, password = "train", "VALUE"\n'),
    ("P", "pair.py", 'CREDENTIALS = ("train", "VALUE")\n'),
    ("T", "jwt.py", 'jwt.encode(payload, "VALUE", algorithm="HS256")\n'),
    ("T", "hmac.py", 'hmac.new(b"VALUE", message, "sha256")\n'),
    ("T", "conda.yml", "channels:\n  - https://conda.ml.net/t/VALUE/main\n"),
    ("P", "az.sh", "az login --service-principal -u app -p VALUE --tenant t\n"),
    ("P", "sshpass.sh", "sshpass -p VALUE ssh train@ml\n"),
    ("P", "sqlcmd.sh", "sqlcmd -S ml -U train -P VALUE -i a.sql\n"),
    ("TK", "curl.sh", "curl -H 'api-key: VALUE' https://ml.net/score\n"),
    ("T", "curl2.sh", 'curl -H "Authorization: Bearer VALUE" https://ml.net/score\n'),
    ("P", "curl3.sh", "curl -u train:VALUE https://ml.net/raw\n"),
    ("PT", "curl4.sh", "curl -d '{\"NAME\": \"VALUE\"}' https://ml.net/login\n"),
    ("TK", "query.sh", "curl 'https://ml.net/tiles?subscription-key=VALUE&zoom=3'\n"),
    ("PT", "vault.sh", "az keyvault secret set --vault-name kv --name db --value 'VALUE'\n"),
    ("PT", "gh.sh", 'gh secret set ENV --body "VALUE"\n'),
    ("PT", "kubectl.sh", "kubectl create secret generic db --from-literal=NAME=VALUE\n"),
    ("P", "stdin.sh", "echo 'VALUE' | docker login ml.azurecr.io -u ml --password-stdin\n"),
    ("PT", "option.sh", "python train.py --NAME VALUE --epochs 3\n"),
    ("PT", "docker.sh", "docker run -e ENV=VALUE ml\n"),
    ("PTK", ".bash_history", "ls\nexport ENV=VALUE\ncd ml\n"),
    ("P", "login.sql", "CREATE LOGIN train WITH PASSWORD = 'VALUE';\n"),
    ("P", "user.sql", "CREATE USER train IDENTIFIED BY 'VALUE';\n"),
    ("P", "alter.sql", "ALTER ROLE train WITH LOGIN PASSWORD 'VALUE';\n"),
    ("PT", "cred.sql", "CREATE DATABASE SCOPED CREDENTIAL ml WITH IDENTITY = 'train', SECRET = 'VALUE';\n"),
    ("PT", "load.R", 'NAME <- "VALUE"\n'),
    ("PT", "save.R", '"VALUE" -> NAME\n'),
    ("PT", "both.R", "'VALUE' ->> NAME\n"),
    ("PT", "alias.sql", "SELECT 'VALUE' AS NAME, id FROM runs;\n"),
    ("P", "joined.py", 'url = "https://train:" + "VALUE" + "@ml.net/x"\n'),
    ("P", "joined.R", 'url <- paste0("https://train:", "VALUE", "@ml.net/x")\n'),
    ("P", "queue.sh", "mosquitto_pub -u train -P VALUE -t raw\n"),
    ("PTK", "env.R", 'Sys.setenv(ENV = "VALUE")\n'),
    ("PT", "db.R", 'con <- dbConnect(odbc(), uid = "train", NAME = "VALUE")\n'),
    ("PT", "Api.cs", 'private const string NAME = "VALUE";\n'),
    ("PT", "Opt.cs", 'options.NAME = "VALUE";\n'),
    ("P", "Net.cs", 'var c = new NetworkCredential("train", "VALUE");\n'),
    ("TK", "Key.cs", 'var c = new OpenAIClient(uri, new AzureKeyCredential("VALUE"));\n'),
    ("PT", "Dict.cs", 'var d = new Dictionary<string, string> { { "NAME", "VALUE" } };\n'),
    ("PT", "Env.cs", 'Environment.SetEnvironmentVariable("ENV", "VALUE");\n'),
    ("PT", "Verbatim.cs", 'string NAME = @"VALUE";\n'),
    ("PT", "users.csv", "user,NAME,role\ntrain,VALUE,admin\n"),
    ("PTK", "settings.csv", "name,value\nHOST,ml\nENV,VALUE\n"),
    ("P", "semi.csv", "user;password\ntrain;VALUE\n"),
    ("PT", "web.config", '<appSettings><add key="ENV" value="VALUE" /></appSettings>\n'),
    ("PT", "settings.xml", "<server><id>ml</id><NAME>VALUE</NAME></server>\n"),
    ("PT", "beans.xml", '<bean><property name="NAME">VALUE</property></bean>\n'),
    ("PT", "attr.xml", '<db host="ml" NAME="VALUE"/>\n'),
    ("PTK", "app.properties", "spring.host=ml\nspring.NAME=VALUE\n"),
    ("PT", "app2.properties", "ml.NAME: VALUE\n"),
    ("PT", "conf.ini", "[db]\nNAME = VALUE\n"),
    ("PTK", "Dockerfile", "FROM ubuntu\nENV ENV=VALUE\n"),
    ("PT", "Dockerfile", "FROM ubuntu\nENV ENV VALUE\n"),
    ("PT", "Dockerfile", "ARG ENV=VALUE\nRUN make\n"),
    ("P", ".netrc", "machine ml.net\n  login train\n  password VALUE\n"),
    ("P", "_netrc", "machine ml.net login train password VALUE\n"),
    ("PTK", "README.md", "Set `NAME=VALUE` before the run.\n"),
    ("P", "prose.md", "The user is train, password: VALUE\n"),
    ("P", "prose2.md", "The password for the cluster is VALUE and changes in May.\n"),
    ("PTK", "table.md", "| name | value |\n|---|---|\n| host | ml |\n| NAME | VALUE |\n"),
    ("P", "table2.md", "| user | password |\n|---|---|\n| train | `VALUE` |\n"),
    ("PT", "code.md", '```python\nclient = connect(NAME="VALUE")\n```\n'),
    ("P", "notes.txt", "login train\npassword: VALUE\n"),
    ("PTK", "code.ipynb", 'cell:NAME = "VALUE"'),
    ("PTK", "magic.ipynb", "cell:%env ENV=VALUE"),
    ("PT", "shell.ipynb", "cell:!export ENV=VALUE && python train.py"),
    ("PT", "text.ipynb", "markdown:The NAME is `VALUE`"),
    ("PT", "out.ipynb", "stream:connected with NAME=VALUE"),
    ("PT", "html.ipynb", "html:<table><tr><td>NAME</td><td>VALUE</td></tr></table>"),
    ("PT", "colour.ipynb", 'html:<span class="n">NAME</span> <span class="o">=</span> <span class="s2">&quot;VALUE&quot;</span>'),
    ("PT", "error.ipynb", "traceback:Error: NAME='VALUE' was refused"),
    ("PT", "uv.lock", 'source = { registry = "https://train:VALUE@nexus.ml.net/simple" }\n'),
    ("PT", "package-lock.json", '{"resolved": "https://train:VALUE@npm.ml.net/x.tgz"}\n'),
    ("PT", "pip.conf", "[global]\nindex-url = https://train:VALUE@nexus.ml.net/simple\n"),
    ("PT", "config.js", 'module.exports = { NAME: "VALUE" };\n'),
    ("PT", "App.java", 'private static final String NAME = "VALUE";\n'),
    ("PT", "Job.scala", 'val NAME = "VALUE"\n'),
    ("PT", "job.jl", 'NAME = "VALUE"\n'),
    ("PT", "run.bat", "set ENV=VALUE\n"),
    ("PT", "run.cmd", "setx ENV VALUE\n"),
    ("PT", "secrets.sh", 'dotnet user-secrets set "NAME" "VALUE"\n'),
    ("P", "rsyncd.conf", "auth users = train\npassword = VALUE\n"),
    ("PT", "ansible.yml", "- hosts: all\n  vars:\n    NAME: VALUE\n"),
    ("PT", "conda.yml", "name: ml\nvariables:\n  ENV: VALUE\n"),
    ("PT", "job.aml.yml", "type: command\nenvironment_variables:\n  ENV: VALUE\n"),
    ("PT", "profiles.yml", "ml:\n  outputs:\n    dev: {type: postgres, user: train, NAME: VALUE}\n"),
]  # fmt: skip


def written(kinds: str, file: str, text: str, m: Maker) -> Case:
    """One secret in a shape. In a JSON file or a notebook it is escaped."""
    kind = kinds[int(m.of(DIGITS, 1)) % len(kinds)]
    names = NAMES[kind]
    name = names[int(m.of(DIGITS, 2)) % len(names)]
    value = MAKERS[kind](m)
    source = file.endswith(
        (
            ".py",
            ".ipynb",
            ".cs",
            ".java",
            ".js",
            ".R",
            ".toml",
            ".ps1",
            ".tf",
            ".bicep",
            ".xml",
            ".jl",
            ".scala",
        )
    )
    if (
        ("@" in text and "://" in text)
        or "`" in text
        or "<" in text
        or file.endswith((".yml", ".yaml", ".sh", ".bat", ".properties"))
    ):
        value = (
            value.replace("|", "-")
            .replace("(", "-")
            .replace("$", "S")
            .replace("@", "-")
            .replace("/", "-")
            .replace("#", "-")
            .replace("*", "-")
            .replace("%", "-")
            .replace("^", "-")
            .replace("!", "-")
            .replace("?", "-")
        )
        value = value if value[:1] != "-" else "q" + value[1:]
    if source or file == "beans.xml":
        name = name.replace("-", "_")
    env = name.upper().replace("-", "_")
    half = len(value) // 2
    text = text.replace("VALUE1", value[:half]).replace("VALUE2", value[half:])
    text = (
        text.replace("NAME", name).replace("VALUE", value).replace("ENV", env, 1)
        if "ENV ENV" not in text
        else text.replace("ENV ENV", f"ENV {env}").replace("VALUE", value)
    )
    return Case(f"{kind} in {file}", file, as_notebook(text) if file.endswith(".ipynb") else text, value)


def as_notebook(text: str) -> str:
    form, _, content = text.partition(":")
    cells: dict[str, Callable[[], dict[str, Any]]] = {
        "cell": lambda: cell(content),
        "markdown": lambda: {"cell_type": "markdown", "metadata": {}, "source": [content]},
        "stream": lambda: cell("x", stream(content + "\n")),
        "html": lambda: cell("x", display(text_html=content)),
        "traceback": lambda: cell("x", traceback(content)),
    }
    return notebook(cells[form]())


def in_shapes(seed: int, half: int | None = None) -> list[Case]:
    """A secret in every shape; ``half`` 0 or 1: only in every second one."""
    m = Maker(seed)
    cases = [written(*shape, m) for shape in SHAPES]
    return cases if half is None else cases[half::2]


def special(seed: int) -> Iterator[Case]:
    """Kinds with a form of their own, and files in odd encodings."""
    m = Maker(seed)
    login = base64.b64encode(f"train:{m.alnum(14)}".encode()).decode()
    yield Case(
        "docker auths", "config.json", json.dumps({"auths": {"ml.azurecr.io": {"auth": login}}}), login
    )
    pem = base64.b64encode(m.pem("RSA PRIVATE " + "KEY").encode()).decode()
    yield Case(
        "kube client key", "kubeconfig", f"users:\n- name: ml\n  user:\n    client-key-data: {pem}\n", pem
    )
    made = m.of(URL64, 43)
    yield Case(
        "JWK", "key.json", json.dumps({"kty": "EC", "crv": "P-256", "x": m.of(URL64, 43), "d": made}), made
    )
    made = m.of("123456789", 10) + ":" + m.of(URL64, 35)
    yield Case("Telegram", "bot.py", f'bot = Bot("{made}")\n', made)
    made = m.bytes64(32)
    yield Case(
        "App Configuration",
        "c.py",
        f'c = "Endpoint=https://ml.azconfig.io;Id=ab-l0-s0:x;Secret={made}"\n',
        made,
    )
    made = "django-" + "insecure-" + m.of(LOWER + DIGITS + "!@#$%^&*(-_=+)", 50)
    yield Case("Django", "settings.py", f"SECRET_KEY = '{made}'\n", made)
    made = m.alnum(40)
    yield Case("Cohere", "llm.py", f'co = cohere.Client("{made}")\n', made)
    made = "key" + "-" + m.hex(32)
    yield Case("Mailgun", "mail.py", f'mail("{made}")\n', made)
    made = base64.b64encode(
        b"\x30\x82\x09\x5a\x02\x01\x03\x30\x82\x09" + bytes(m.of(B64, 900), "ascii")
    ).decode()
    yield Case("PFX", "cert.ps1", f"$pfx = '{made}'\n", made)
    made = m.hex(32)
    yield Case("Azure ML key", "score.py", f'azureml_key = "{made}"\n', made)
    made = m.hex(40)
    yield Case("W&B login", "wb.sh", f"wandb login {made}\n", made)
    made = base64.b64encode(m.alnum(14).encode()).decode()
    yield Case(
        "Kubernetes Secret",
        "s.yml",
        f"kind: Secret\ndata:\n  password: {made}\n",
        made,
    )
    made = "gh" + "p_" + m.alnum(36)
    yield Case("in a text with a NUL", "nul.txt", f"a\0b\ntoken {made}\n", made)
    yield Case("in UTF-16 without mark", "u16le.txt", f"token {made}\n", made)
    yield Case("in UTF-16, big, without mark", "u16be.txt", f"token {made}\n", made)
    yield Case("with CR line ends", "mac.env", f"A=1\rTOKEN={made}\rB=2\r", made)
    yield Case("colour codes inside", "log.txt", f"token \x1b[31m{made[:9]}\x1b[0m{made[9:]}\n", made)
    yield Case(
        "HTML-escaped output",
        "esc.ipynb",
        as_notebook(f"html:&lt;a password=&quot;{made[4:24]}&quot;&gt;"),
        made[4:24],
    )
    yield Case("in a pickle", "m.pkl", "\x80\x04\x95\0\0\0\0\0\0\0\x8c(" + made + "\x94.\0\0\0\x01\x02", made)


def encoded(case: Case) -> bytes:
    """The bytes of a case's file."""
    if "UTF-16" in case.kind:
        mark = "without mark" not in case.kind
        return case.text.encode("utf-16" if mark else "utf-16-be" if "big" in case.kind else "utf-16-le")
    return case.text.encode("latin-1" if case.file.endswith(".pkl") else "utf-8")
