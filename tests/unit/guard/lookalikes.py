# ruff: noqa: E501 - one line for each case reads best
"""Texts that resemble secrets and are none: digests, identifiers, vectors, placeholders, references, prose.

``{h40}`` is a commit, ``{h64}`` a digest, ``{u}`` a UUID, ``{b88}`` and ``{b44}`` Base64 of bytes, ``{n}`` a number.
"""

from __future__ import annotations

import re

from tests.unit.guard.corpus import DIGITS, HEX, UPPER, URL64, Case, Maker
from tests.unit.guard.shapes import as_notebook

LOOKALIKES: list[tuple[str, str]] = [
    # commits, digests, identifiers
    ("wb.py", 'wandb.init(project="churn", config={"commit": "{h40}"})\n'),
    ("wb2.py", "# wandb run of commit {h40}\n"),
    ("wb.md", "wandb sync: code at {h40}, dataset {h40}\n"),
    ("wb.yml", "wandb:\n  git_commit: {h40}\n"),
    ("wandb-metadata.json", '{"git": {"remote": "https://github.com/o/r", "commit": "{h40}"}, "program": "wandb_train.py"}\n'),
    ("pin.yml", "- uses: azure/login@{h40} # v2\n"),
    ("pin2.yml", "repos:\n  - repo: https://github.com/o/r\n    rev: {h40}\n"),
    ("sub.cfg", "revision = {h40}\ncommit={h40}\n"),
    ("rev.py", 'model = AutoModel.from_pretrained("org/token-classifier", revision="{h40}")\n'),
    ("git.sh", "git checkout {h40}\ngit cherry-pick {h40}\n"),
    ("changelog.md", "- fix the token refresh ({h7}) and the key rotation ([{h40}](https://github.com/o/r/commit/{h40}))\n"),
    ("Dockerfile", "FROM python:3.12@sha256:{h64}\n"),
    ("Dockerfile", "ARG UV_SHA256={h64}\nENV KEYRING_FINGERPRINT={H40}\n"),
    ("k8s.yml", "image: ml.azurecr.io/train@sha256:{h64}\n"),
    ("env.yml", "image:\n  digest: sha256:{h64}\n"),
    ("digest.json", '{"key_digest": "sha256:{h64}", "token_hash": "{h64}"}\n'),
    ("data.yml", "name: taxi\nversion: 3\ndigest: {h64}\nparent_digest: {h64}\n"),
    ("check.py", 'assert sha256(key) == "{h64}"\nEXPECTED_MD5 = "{h32}"\n'),
    ("sums.txt", "{h64}  tokenizer.json\n{h64}  keys.parquet\n"),
    ("SHA256SUMS", "{h64} *secrets-tool-linux.tar.gz\n"),
    ("cache.json", '{"cache_key": "{h64}", "etag": "\\"{h32}\\""}\n'),
    ("dvc.lock", "stages:\n  tokenize:\n    deps:\n      - path: keys.csv\n        md5: {h32}\n"),
    ("data.dvc", "outs:\n- md5: {h32}.dir\n  path: passwords\n"),
    ("uuid.py", 'RUN_ID = "{u}"\nSESSION = "{u}"\nTENANT = "{u}"\n'),
    ("ids.env", "AZURE_CLIENT_ID={u}\nAZURE_TENANT_ID={u}\nAZURE_SUBSCRIPTION_ID={u}\n"),
    ("ids.json", '{"clientId": "{u}", "tenantId": "{u}", "objectId": "{u}"}\n'),
    ("oidc.yml", "with:\n  client-id: {u}\n  tenant-id: {u}\n  subscription-id: {u}\n"),
    ("arm.json", '{"id": "/subscriptions/{u}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-ml", "key": "keyvault"}\n'),
    ("role.bicep", "var roleId = '{u}'\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: 'kv-ml' }\n"),
    ("trace.json", '{"traceparent": "00-{h32}-{h16}-01", "correlation_id": "{u}"}\n'),
    ("mlrun.yml", "run_id: {h32}\nexperiment_id: '{n18}'\nartifact_uri: mlruns/1/{h32}/artifacts\n"),
    ("MLmodel", "model_uuid: {h32}\nsignature:\n  inputs: '[{\"name\": \"token\"}]'\n"),
    ("run.json", '{"key": "{h64}", "inputs": {"raw": "{h64}"}}\n'),
    ("hashes.csv", "key,value\nfile1,{h64}\nfile2,{h64}\n"),
    ("rows.csv", "customer_key,token_count\n{h32},12\n{h32},15\n"),
    ("embeddings.csv", "id,embedding\n1,{b88}\n2,{b88}\n"),
    # base64: vectors, pictures, digests
    ("vec.json", '{"vectors": ["{b88}", "{b88}", "{b88}"]}\n'),
    ("vec2.json", '[{"id": 1, "embedding": "{b88}"}, {"id": 2, "embedding": "{b88}"}]\n'),
    ("digest2.json", '{"files": {"a.bin": {"sha512": "{b88}"}, "b.bin": {"digest": "{b88}"}}}\n'),
    ("pic.json", '{"thumbnail": "{b88}", "image": "{b600}"}\n'),
    ("openai.json", '{"object": "embedding", "index": 0, "embedding": "{b600}"}\n'),
    ("arr.py", 'np.frombuffer(base64.b64decode("{b600}"), dtype="f4")\n'),
    ("html.html", '<img alt="key" src="data:image/png;base64,{b600}"/>\n'),
    ("sri.html", '<script src="https://cdn.ml.net/auth.js" integrity="sha512-{b88}" crossorigin="anonymous"></script>\n'),
    ("package-lock.json", '{"node_modules/js-tokens": {"resolved": "https://r.ml.net/js-tokens-4.0.0.tgz", "integrity": "sha512-{b88}"}}\n'),
    ("packages.lock.json", '{"dependencies": {"net8.0": {"Azure.Security.KeyVault.Secrets": {"resolved": "4.6.0", "contentHash": "{b88}"}}}}\n'),
    ("yarn.lock", 'token-types@^5.0.0:\n  resolved "https://r.ml.net/token-types-5.0.0.tgz#{h40}"\n  integrity sha512-{b88}\n'),
    ("pnpm-lock.yaml", "packages:\n  /js-tokens@4.0.0:\n    resolution: {integrity: sha512-{b88}}\n"),
    ("uv.lock", '[[package]]\nname = "secretstorage"\nsdist = { url = "https://f.ml.net/packages/{h2}/{h60}/secretstorage-3.3.3.tar.gz", hash = "sha256:{h64}", size = 19739 }\n'),
    ("poetry.lock", '[[package]]\nname = "tokenize-rt"\nfiles = [\n    {file = "tokenize_rt-6.1.0.tar.gz", hash = "sha256:{h64}"},\n]\n\n[metadata]\ncontent-hash = "{h64}"\n'),
    ("Pipfile.lock", '{"_meta": {"hash": {"sha256": "{h64}"}}, "default": {"keyring": {"hashes": ["sha256:{h64}", "sha256:{h64}"]}}}\n'),
    ("go.sum", "github.com/golang-jwt/jwt/v5 v5.2.1 h1:{b44}\n"),
    ("Cargo.lock", '[[package]]\nname = "secrecy"\nchecksum = "{h64}"\n'),
    ("requirements.txt", "keyring==25.5.0 \\\n    --hash=sha256:{h64} \\\n    --hash=sha256:{h64}\n"),
    ("conda-lock.yml", "- name: libsecret\n  url: https://conda.ml.net/libsecret-0.21-h{h7}_0.conda\n  hash:\n    md5: {h32}\n    sha256: {h64}\n"),
    (".terraform.lock.hcl", 'provider "registry.terraform.io/hashicorp/azurerm" {\n  hashes = [\n    "h1:{b44}",\n    "zh:{h64}",\n  ]\n}\n'),
    ("cert.pem", "-----BEGIN CERTIFICATE-----\n{b600}\n-----END CERTIFICATE-----\n"),
    ("cert.json", '{"x5c": ["MIID{b600}"], "kid": "{h40}"}\n'),
    ("jwks.json", '{"keys": [{"kty": "RSA", "use": "sig", "kid": "{url43}", "n": "{url342}", "e": "AQAB"}]}\n'),
    ("kubeconfig", "clusters:\n- cluster:\n    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t{b600}\n"),
    ("pub.pem", "-----BEGIN PUBLIC KEY-----\n{b600}\n-----END PUBLIC KEY-----\n"),
    ("authorized_keys", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{b300} train@ml\n"),
    ("known_hosts", "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b44}\n"),
    ("ssh.tf", 'public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b44} train@ml"\n'),
    ("pubkey.py", 'PUBLIC_KEY = "{b44}"\nverify_key = "{b44}"\n'),
    ("sign.md", "minisign public key: RW{b44}\n"),
    # object stores, paths, names
    ("s3.py", 's3_key = "raw/2024/05/{h32}/part-00001-{u}.snappy.parquet"\n'),
    ("blob.py", 'blob_key = "models/churn/{h40}/model.pkl"\nobject_key = "{h32}/data.csv"\n'),
    ("store.yml", "artifact_key: runs/{u}/outputs/metrics.json\nmodel_key: churn/v3/{h32}\n"),
    ("paths.json", '{"s3_key": "landing/{h16}/{h16}.json", "image_key": "img/{h32}.png"}\n'),
    ("abfs.py", 'key_path = "abfss://raw@ml.dfs.core.windows.net/keys/{h32}.parquet"\n'),
    ("cachekey.yml", "key: uv-${{ runner.os }}-${{ hashFiles('**/pyproject.toml') }}\nrestore-keys: |\n  uv-linux-\n"),
    ("gl.yml", "cache:\n  key: $CI_COMMIT_REF_SLUG-{h7}\n"),
    ("names.py", 'SECRET_NAME = "ml-storage-account-key-v2"\nsecret_name = "db-password-2024"\n'),
    ("kv.py", 'password = client.get_secret("sql-admin-password-prod-01").value\n'),
    ("kv2.cs", 'var password = (await client.GetSecretAsync("sql-admin-password-01")).Value.Value;\n'),
    ("kv.bicep", "adminPassword: kv.getSecret('vmAdminPassword2')\n"),
    ("kv.json", '{"adminPassword": {"reference": {"keyVault": {"id": "/subscriptions/{u}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"}, "secretName": "sqlAdminPassword1"}}}\n'),
    ("app.json", '{"name": "DB_PASSWORD", "value": "@Microsoft.KeyVault(VaultName=kv-ml;SecretName=db-password)"}\n'),
    ("tf.tf", 'password = data.azurerm_key_vault_secret.db_password_2.value\napi_key  = var.openai_api_key_v2\n'),
    ("tf2.tf", 'output "primary_key" {\n  value     = azurerm_storage_account.ml2.primary_access_key\n  sensitive = true\n}\n'),
    ("dbx.py", 'token = dbutils.secrets.get(scope="ml-prod-01", key="databricks-token-2")\n'),
    ("k8s2.yml", "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db-credentials-v2\n        key: password-2024\n"),
    ("k8s3.yml", "volumes:\n  - name: secret-volume-01\n    secret:\n      secretName: tls-certificate-2024\n"),
    ("sealed.md", "The secret `ml-tokens-2024` lives in the vault `kv-ml-prod-01`.\n"),
    ("airflow.py", 'conn = BaseHook.get_connection("azure_sql_prod_01")\ntoken = Variable.get("wandb_token_v2")\n'),
    # workflows, environment, templates
    ("ci.yml", "env:\n  TOKEN: ${{ secrets.GITHUB_TOKEN }}\n  PASSWORD: ${{ secrets.DB_PASSWORD_V2 }}\n"),
    ("ci2.yml", "with:\n  creds: ${{ secrets.AZURE_CREDENTIALS }}\n  token: ${{ github.token }}\n"),
    ("ci3.yml", "permissions:\n  id-token: write\njobs:\n  a:\n    steps:\n      - run: echo \"::add-mask::$TOKEN\"\n"),
    ("pipe.yml", "variables:\n  - group: secrets-prod-01\n  - name: DB_PASSWORD\n    value: $(db-password-01)\n"),
    ("pipe2.yml", "env:\n  SYSTEM_ACCESSTOKEN: $(System.AccessToken)\n  PASSWORD: $[variables.dbPassword1]\n"),
    ("helm.yaml", "password: {{ .Values.db.password1 | quote }}\ntoken: {{ include \"ml.token2\" . }}\n"),
    ("ansible.yml", "password: \"{{ vault_db_password_2 }}\"\napi_key: \"{{ lookup('env', 'API_KEY_2') }}\"\n"),
    ("compose.yml", "environment:\n  POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it first}\n  TOKEN: ${TOKEN:-}\n"),
    ("compose2.yml", "secrets:\n  db_password_1:\n    file: ./secrets/db_password_1.txt\n"),
    ("env.py", 'api_key = os.environ["OPENAI_API_KEY_2"]\npassword = os.environ.get("DB_PASSWORD_2", "")\n'),
    ("env.sh", 'export API_KEY="$OPENAI_API_KEY_2"\nPASSWORD=$(az keyvault secret show --name db-pass-1 --query value -o tsv)\n'),
    ("env2.sh", 'curl -H "Authorization: Bearer $TOKEN_2" -u "$USER:$PASSWORD" https://ml.net\n'),
    ("env.ps1", '$password = Read-Host "Password for the database" -AsSecureString\n$env:TOKEN = $env:SYSTEM_TOKEN_2\n'),
    ("env.R", 'token <- Sys.getenv("API_TOKEN_2")\npassword <- keyring::key_get("ml-db-01", "train")\n'),
    ("env.cs", 'var apiKey = configuration["OpenAI:ApiKey2"];\nvar password = Environment.GetEnvironmentVariable("DB_PASSWORD_2");\n'),
    ("appsettings.json", '{"OpenAI": {"ApiKey": "", "KeyVaultSecretName": "openai-api-key-2"}, "Jwt": {"Issuer": "https://ml.net", "KeySize": 2048}}\n'),
    (".env.example", "API_KEY=\nDB_PASSWORD=<your-password>\nTOKEN=your-token-here-123\n"),
    (".env.sample", "OPENAI_API_KEY=sk-your-key-here\nHF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"),
    ("jinja.j2", "password = {{ db_password }}\ntoken={% raw %}{{ token2 }}{% endraw %}\n"),
    ("sql.sql", "CREATE LOGIN train WITH PASSWORD = '$(DB_PASSWORD_2)';\nCREATE USER x IDENTIFIED BY '${password2}';\n"),
    # placeholders
    ("doc.md", "Set `api_key=\"<your-api-key>\"` and `password=\"********\"`.\n"),
    ("doc2.md", "export AZURE_CLIENT_SECRET=xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx\n"),
    ("doc3.md", "`Server=tcp:ml;User ID=<user>;Password=<password>;` or `AccountKey=<account-key>`\n"),
    ("doc4.md", "curl -H 'api-key: YOUR_API_KEY_123' https://ml.net\n"),
    ("doc5.md", "Replace `my-secret-token-123` in `token: my-secret-token-123`.\n"),
    ("doc6.md", "postgresql://user:password@localhost:5432/db, mongodb://admin:admin@localhost\n"),
    ("doc7.py", 'client = OpenAI(api_key="sk-...")\npassword = "changeme"\ntoken = "REPLACE_ME_12345"\n'),
    ("doc8.yml", "api_key: \"TODO: insert the key\"\npassword: CHANGE_ME_2024\n"),
    ("doc9.json", '{"password": "string", "token": "<token>", "apiKey": "00000000000000000000000000000000"}\n'),
    ("docA.py", 'password = "test"\ntoken = "dummy-token-for-tests-1"\napi_key = "fake_api_key_0123456789"\n'),
    ("docB.md", "The token looks like `eyJhbGciOi...` or `ghp_...`.\n"),
    ("docC.md", "AccountKey=abcdefghijklmnopqrstuvwxyz0123456789==\n"),
    ("docD.env", "SECRET_KEY=insert-your-random-secret-key-here-2024\n"),
    ("docE.yml", "password: none\ntoken: null\nsecret: true\napi_key: ~\n"),
    ("sops.yml", "password: ENC[AES256_GCM,data:{b44},iv:{b44},tag:{b44},type:str]\n"),
    ("baseline.json", '{"type": "Secret Keyword", "hashed_secret": "{h40}"}\n'),
    ("env.py", 'api_key = os.getenv("AZURE_OPENAI_API_KEY")\n'),
    ("vault.ps1", '$secret = Get-AzKeyVaultSecret -VaultName "kv-ml-prod-01" -Name "sql-password-2"\n'),
    ("literal.sh", 'kubectl create secret generic pg --from-literal=password="$PW" --from-file=key.json\n'),
    ("insert.sql", "INSERT INTO users (name, password_hash, token) VALUES ('train1', '{h64}', :token);\n"),
    ("connect.py", 'conn = pymysql.connect("db2.ml.net", user, os.environ["PASSWORD"], "Flights2024")\n'),
    ("docF.sh", "mysql -u root -p ml\nredis-cli -a $REDIS_PASSWORD\naz login -u app -p $SECRET_2 --tenant t\n"),
    ("docG.sh", "sshpass -p \"$PASS_2\" ssh ml\ndocker login -u ml -p ${ACR_PASSWORD_2} ml.azurecr.io\n"),
    ("docH.sh", "mkdir -p data/raw2024 && cp -p a1.csv b1.csv && python -p 8080x\n"),
    ("docI.sh", "psql -p 5432 -U train ml2024\nssh -p 2222 train@ml-host-01\n"),
    # code
    ("tok.py", 'tokenizer = AutoTokenizer.from_pretrained("meta-llama/Llama-3.1-8B-Instruct")\ntoken = tokenizer.eos_token\n'),
    ("tok2.py", 'PAD_TOKEN = "<|endoftext|>"\nspecial_tokens = ["[CLS]", "<|im_start|>", "▁the"]\ntoken_pattern = r"(?u)\\b\\w\\w+\\b"\n'),
    ("tokenizer.json", '{"added_tokens": [{"id": 100257, "content": "<|endoftext|>"}], "unk_token": "<unk>", "tokenizer_class": "Qwen2TokenizerFast"}\n'),
    ("count.py", 'usage = {"prompt_tokens": 1024, "completion_tokens": 256, "max_tokens": 4096}\nmax_tokens = "4096tokens"\n'),
    ("keys.py", 'sort_key = "created_at_2024"\npartition_key = "/customerId2"\nkey = "mean_absolute_percentage_error_2"\n'),
    ("keys2.py", 'for key in ("max_depth_10", "learning_rate_01"):\n    params[key] = grid["random_forest_classifier_v2"]\n'),
    ("lambda.py", "best = max(rows, key=lambda row: row.score2)\nsorted(x, key=itemgetter(1))\n"),
    ("login.py", "def login(user: str, password: str, token: str | None = None) -> Credential2: ...\n"),
    ("attr.py", "self.password = password1\nself.token = other.token2\nclient = Client(api_key=settings.api_key_v2)\n"),
    ("call.py", "password = getpass.getpass('Password for train@ml: ')\ntoken = credential.get_token('https://ml.azure.com/.default').token\n"),
    ("scope.py", 'token = credential.get_token("https://management.azure.com/.default")\nsecret = SecretClient(vault_url="https://kv-ml-01.vault.azure.net", credential=cred)\n'),
    ("msg.py", 'raise ValueError("The password must have 8 characters, 1 digit and 1 symbol")\nlog.info("token expired at 2024-05-01T10:00:00Z")\n'),
    ("label.py", 'st.text_input("Password (8+ characters)", type="password", key="password_input_1")\n'),
    ("test_auth.py", "def test_a_wrong_password_is_refused_with_401() -> None: ...\ndef test_token_expires_after_3600_seconds(): ...\n"),
    ("long.py", "def compute_weighted_mean_absolute_percentage_error_with_token_weights_v2(key_column_name): ...\n"),
    ("enum.py", 'class Auth(Enum):\n    API_KEY = "api_key_v2"\n    PASSWORD = "password_grant_2"\n    SAS_TOKEN = "sas_token_auth1"\n'),
    ("api.py", '@app.post("/v2/password-reset/{token_id}")\ndef reset(token: str = Header(alias="X-Reset-Token-V2")): ...\n'),
    ("oauth.py", 'oauth2 = OAuth2PasswordBearer(tokenUrl="/api/v1/token2")\nGRANT = "urn:ietf:params:oauth:grant-type:token-exchange"\n'),
    ("types.ts", "interface Login { password: string; token?: string | null; apiKey: ApiKeyV2 }\n"),
    ("Login.cs", 'public string Password { get; set; } = string.Empty;\n[JsonPropertyName("access_token_v2")] public string Token { get; init; }\n'),
    ("Test.cs", 'Assert.Equal("Password must not be empty", error.Message);\n[Fact] public void Wrong_password_is_401() { }\n'),
    ("schema.json", '{"properties": {"password": {"type": "string", "minLength": 12, "pattern": "^(?=.*[A-Z])(?=.*\\\\d).{12,}$"}}}\n'),
    ("openapi.yml", "components:\n  securitySchemes:\n    ApiKeyAuth2: {type: apiKey, in: header, name: X-API-Key-V2}\n"),
    ("ruff.toml", 'ignore = ["S105", "S106", "S107"]  # hardcoded-password-string and friends\n'),
    ("regex.py", 'PASSWORD = re.compile(r"^(?=.*\\d)[A-Za-z\\d@$!%*?&]{8,}$")\nTOKEN = r"ghp_[A-Za-z0-9]{36}"\n'),
    ("conda.yml", "dependencies:\n  - keyring=25.5.0=pyha804496_0\n  - cryptography=43.0.3=py311hafd3f86_0\n"),
    ("model.yml", "model: gpt-4o-mini-2024-07-18\nembedding: text-embedding-3-large\nkey_metric: f1_macro_v2\n"),
    ("compute.yml", "compute: azureml:cpu-cluster-ds3v2\nauth_mode: aml_token\nidentity: {type: user_identity}\n"),
    ("endpoint.yml", "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nauth_mode: key\nname: churn-endpoint-v2\n"),
    ("notes.md", "Reset your password every 90 days; a token is valid for 3600s; see RFC6750bis-03.\n"),
    ("prose.md", "The password is never stored. The secret is rotated by the job rotate-keys-v2. Token: see kv-ml-01.\n"),
    ("prose2.md", "Authentication uses a key (32 hexadecimal digits) or an Entra token; login: `az login --use-device-code`\n"),
    ("table.md", "| name | description |\n|---|---|\n| API_KEY | the key of the model service, see kv-ml-01 |\n| password | at least 12 characters |\n"),
    ("table2.md", "| secret | vault | rotated |\n|---|---|---|\n| db-password-01 | kv-ml-prod | 2024-05-01 |\n"),
    ("params.csv", "name,value\nkey_columns,customer_id2\ntoken_count,1024\nmodel,xgboost-2.1.3\n"),
    ("users.csv", "user_id,password_changed_at,token_version\nu001,2024-05-01T10:00:00Z,v3\n"),
    ("web.xml", "<passwordPolicy>MinLength12</passwordPolicy><tokenLifetime>PT3600S</tokenLifetime><key name=\"sort\">created_at2</key>\n"),
    ("pom.xml", "<dependency><artifactId>spring-security-oauth2-core</artifactId><version>6.3.4</version></dependency>\n"),
    ("App.config", '<add key="TokenEndpoint" value="https://login.ml.net/oauth2/v2.0/token" /><add key="PasswordFormat" value="Hashed256" />\n'),
    ("log.properties", "token.cache.size=1024MB\nspring.security.user.password=${DB_PASSWORD_2}\nkey.serializer=org.apache.kafka.common.serialization.StringSerializer2\n"),
    ("out.ipynb", "stream:Tokens: 1024, keys: 12\nsha256 {h64}\n"),
    ("df.ipynb", "html:<table><tr><th>key</th><th>token</th></tr><tr><td>{h32}</td><td>the</td></tr></table>"),
    ("plot.ipynb", "html:<img src=\"data:image/png;base64,{b600}\"/>"),
    ("id.ipynb", 'cell:run = mlflow.get_run("{h32}")\nsession = "{u}"'),
    ("env.ipynb", 'cell:key = os.environ["API_KEY_2"]\nclient = Client(api_key=key, model="gpt-4o-2024-08-06")'),
    ("bench.json", '{"metrics": {"token_accuracy": 0.9312345678901234, "keys_per_second": 12345.678901}}\n'),
    ("sbom.json", '{"bom-ref": "pkg:pypi/keyring@25.5.0", "hashes": [{"alg": "SHA-256", "content": "{h64}"}], "serialNumber": "urn:uuid:{u}"}\n'),
    ("url.md", "https://portal.azure.com/#@ml.onmicrosoft.com/resource/subscriptions/{u}/secrets/db-password/{h32}\n"),
    ("kv.yml", "secret_uri: https://kv-ml.vault.azure.net/secrets/openai-key/{h32}\n"),
    ("kv2.yml", "keyvault_key_uri: https://kv-ml.vault.azure.net/keys/cmk/{h32}\n"),
    ("id.toml", 'instance_id = "{h32}"\nproject_id = "{n18}"\nsession_id = "{url22}"\n'),
    ("ga.js", 'gtag("config", "G-{U10}");\nconst siteKey = "6L{url38}";\n'),
    ("hf.md", "model-index: sha {h40}; token classification, 12 keys\n"),
    ("nb.py", 'cell_id = "{h8}"\nnext_page_token = "{url43}"\ncontinuation_token = "{b88}"\n'),
    ("csrf.html", '<input type="hidden" name="csrf_token" value="{url43}"/><input type="password" name="password" placeholder="Password1"/>\n'),
]  # fmt: skip

_LENGTHS = re.compile(r"\{(h|H|b|url|n|U|u)(\d*)\}")


def lookalikes(seed: int, half: int | None = None) -> list[Case]:
    """The harmless texts, with digests and identifiers from a seed."""
    m = Maker(seed)

    def made(match: re.Match[str]) -> str:
        kind, length = match[1], int(match[2] or 0)
        if kind == "b":
            return m.bytes64(length // 4 * 3 - (2 if length == 88 else 1 if length == 44 else 0))
        if kind == "u":
            return m.uuid()
        return m.of(
            {"h": HEX, "H": DIGITS + "ABCDEF", "url": URL64, "n": DIGITS, "U": UPPER + DIGITS}[kind], length
        )

    cases = []
    for file, text in LOOKALIKES:
        filled = _LENGTHS.sub(made, text)
        cases.append(
            Case(f"harmless {file}", file, as_notebook(filled) if file.endswith(".ipynb") else filled)
        )
    return cases if half is None else cases[half::2]
