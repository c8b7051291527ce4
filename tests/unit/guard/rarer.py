# ruff: noqa: E501 - one line for each case reads best
"""Made-up secrets for the rules that the corpus does not cover, so that every rule is tested."""

from __future__ import annotations

import base64

from tests.unit.guard.corpus import B64, DIGITS, URL64, Maker

_BIG = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + DIGITS


def rarer(seed: int = 5) -> list[tuple[str, str, str]]:
    """Kind, text and token. Tokens are put together at run time: no file here holds one."""
    m = Maker(seed)
    signed33 = {
        "Azure Relay key": "+A" + "Rm",
        "Service Bus key": "+A" + "Sb",
        "IoT Hub key": "AI" + "oT",
        "Azure Cache for Redis key": "Az" + "Ca",
        "Event Grid key": "AZ" + "EG",
    }
    signed76 = {
        "Azure Batch key": "+A" + "Ba",
        "Azure ML endpoint key": "+A" + "MC",
        "API Management key": "AP" + "IM",
    }
    cases = [
        (kind, "value: @@\n", m.of(B64, 33) + mark + "B" + m.of(B64, 5) + "=")
        for kind, mark in signed33.items()
    ]
    cases += [
        (kind, "value: @@\n", m.of(B64, 76) + mark + m.of(B64, 5) + "w==") for kind, mark in signed76.items()
    ]
    password = "Br" + "oo7!" + m.alnum(8)
    basic = base64.b64encode(f"train:{m.alnum(14)}".encode()).decode()
    cases += [
        ("Database password in a connection string", 'sql = "Password=@@;User ID=train;Server=ml"\n', password),
        ("Password in a connection string of a cache", "cache: ml.redis.cache.windows.net:6380,password=@@,ssl=True\n", m.bytes64(32)),
        ("Password on a command line", "htpasswd -b /etc/users train @@\n", password),
        ("Password on a command line", "sqlplus train/@@\n", password),
        ("Password on a command line", "lftp -u train,@@ sftp://ml.net\n", password),
        ("OpenRouter key", 'k = "@@"\n', "sk-" + "or-v1-" + m.hex(64)),
        ("xAI key", 'k = "@@"\n', "x" + "ai-" + m.alnum(80)),
        ("Perplexity key", 'k = "@@"\n', "pp" + "lx-" + m.alnum(48)),
        ("NVIDIA API key", 'k = "@@"\n', "nv" + "api-" + m.of(URL64, 64)),
        ("Replicate token", 'k = "@@"\n', "r" + "8_" + m.alnum(37)),
        ("LangSmith key", 'k = "@@"\n', "ls" + "v2_pt_" + m.hex(32) + "_" + m.hex(10)),
        ("Pinecone key", 'k = "@@"\n', "pc" + "sk_" + m.alnum(5) + "_" + m.alnum(63)),
        ("Weights & Biases key", 'k = "@@"\n', "wan" + "db_v1_" + m.alnum(60)),
        ("Password in a netrc line", "machine api.wandb.ai login user password @@\n", m.hex(40)),
        ("AWS Bedrock key", 'k = "@@"\n', "AB" + "SK" + m.of(B64, 120)),
        ("Google OAuth secret", 'k = "@@"\n', "GOC" + "SPX-" + m.of(URL64, 28)),
        ("Google access token", 'k = "@@"\n', "ya" + "29." + m.of(URL64, 80)),
        ("Slack app token", 'k = "@@"\n', "xa" + "pp-1-" + m.of(_BIG, 11) + "-" + m.of(DIGITS, 13) + "-" + m.hex(64)),
        ("Discord webhook", 'k = "@@"\n', "https://discord.com/api/web" + "hooks/" + m.of(DIGITS, 18) + "/" + m.of(URL64, 68)),
        ("Telegram bot token", 'k = "@@"\n', m.of("123456789", 10) + ":A" + "A" + m.of(URL64, 33)),
        ("Grafana token", 'k = "@@"\n', "gl" + "sa_" + m.alnum(32) + "_" + m.hex(8)),
        ("Grafana token", 'k = "@@"\n', "gl" + "c_" + m.alnum(60)),
        ("Terraform Cloud token", 'k = "@@"\n', m.alnum(14) + ".atlas" + "v1." + m.of(URL64, 67)),
        ("New Relic key", 'k = "@@"\n', "NR" + "AK-" + m.of(_BIG, 27)),
        ("Sentry token", 'k = "@@"\n', "sntr" + "ys_" + m.alnum(80)),
        ("Prefect key", 'k = "@@"\n', "pn" + "u_" + m.alnum(36)),
        ("age secret key", "# a key\n@@\n", "AGE-SEC" + "RET-KEY-1" + m.of(_BIG, 58)),
        ("PuTTY private key", "@@\nEncryption: none\n", "PuTTY-User" + "-Key-File-3: ssh-ed25519"),
        ("Basic authorization header", 'headers = {"Authorization": "Basic @@"}\n', basic),
        ("Password on a command line", "curl --user train:@@ https://ml.net/raw\n", password),
        ("Password on a command line", "http -a train:@@ https://ml.net/raw\n", password),
        ("Password on a command line", "$ https --verify=no --auth=train:@@ ml.net/raw\n", password),
        ("Password or key under a telling name", "<db><password>@@</password></db>\n", password),
        ("Password or key under a telling name", '<add key="StoragePassword" value="@@" />\n', password),
    ]  # fmt: skip
    return [(kind, text.replace("@@", token), token) for kind, text, token in cases]
