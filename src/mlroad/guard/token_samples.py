# ruff: noqa: E501 - one line for each case reads best
"""How to make a token of each kind that has a plain form, and the text around it: material of the selftest.

A form is written in pieces, ``"xai" "-" A*75``: no file of ours may hold a whole token.
"""

import string
from collections.abc import Callable

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGITS
URL64 = ALNUM + "-_"
HEX = DIGITS + "abcdef"

Piece = str | tuple[str, int]
"""A fixed text, or an alphabet and how many characters of it."""

TOKENS: tuple[tuple[str, tuple[Piece, ...], str], ...] = (
    ("OpenRouter key", ("sk-or", "-v1-", (HEX, 64)), 'key = "{}"\n'),
    ("xAI key", ("xai", "-", (ALNUM, 80)), 'key = "{}"\n'),
    ("Perplexity key", ("pplx", "-", (ALNUM, 48)), 'key = "{}"\n'),
    ("NVIDIA API key", ("nvapi", "-", (ALNUM, 64)), 'key = "{}"\n'),
    ("Replicate token", ("r8", "_", (ALNUM, 37)), 'key = "{}"\n'),
    ("LangSmith key", ("lsv2", "_pt_", (HEX, 32), "_", (HEX, 10)), 'key = "{}"\n'),
    ("Pinecone key", ("pcsk", "_", (ALNUM, 6), "_", (ALNUM, 63)), 'key = "{}"\n'),
    ("Weights & Biases key", ("wandb", "_v1_", (ALNUM, 60)), 'login("{}")\n'),
    ("AWS secret access key", ((ALNUM, 40),), "aws_secret_access_key = {}\n"),
    ("AWS Bedrock key", ("AB", "SK", (ALNUM, 120)), "BEDROCK={}\n"),
    ("Google OAuth secret", ("GOC", "SPX-", (ALNUM, 28)), '"client": "{}"\n'),
    ("Google access token", ("ya", "29.", (URL64, 60)), 'bearer("{}")\n'),
    ("Slack app token", ("xa", "pp-1-A", (UPPER, 9), "-", (DIGITS, 12), "-", (HEX, 64)), 'app("{}")\n'),
    ("Slack webhook", ("https://hooks.", "slack.com/services/T", (UPPER, 8), "/B", (ALNUM, 33)),
     'post("{}")\n'),
    ("Discord webhook", ("https://discord.com/api/", "webhooks/", (DIGITS, 18), "/", (ALNUM, 68)),
     'post("{}")\n'),
    ("Telegram bot token", ((DIGITS, 9), ":A", "A", (ALNUM, 33)), 'Bot("{}")\n'),
    ("npm token", ((ALNUM, 30),), "//registry.ml.net/:_auth" "Token={}\n"),
    ("Grafana token", ("gl", "sa_", (ALNUM, 32), "_", (HEX, 8)), 'key = "{}"\n'),
    ("Terraform Cloud token", ((ALNUM, 14), ".atl", "asv1.", (ALNUM, 64)), 'key = "{}"\n'),
    ("New Relic key", ("NR", "AK-", (UPPER + DIGITS, 27)), 'key = "{}"\n'),
    ("Sentry token", ("snt", "rys_", (ALNUM, 80)), 'key = "{}"\n'),
    ("Prefect key", ("pn", "u_", (ALNUM, 36)), 'key = "{}"\n'),
    ("age secret key", ("AGE-SEC", "RET-KEY-1", (UPPER + DIGITS, 58)), "{}\n"),
    ("PuTTY private key", ("PuTTY-User-", "Key-File-3: ssh-ed", "25519"), "{}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "cu" "rl -u train:{} https://ml.net\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "ht" "tp -a train:{} ml.net/raw\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "docker" " login ml.net -u ml -p {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "my" "sql -u ml -p{} raw\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "sql" "cmd -S ml -U ml -P {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "redis" "-cli -h ml -a {} ping\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "ldap" "search -D ml -w {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "smb" "client //ml/raw -U ml%{}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "az keyvault" " secret set --vault-name kv --name db --value {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "gh" " secret set DB --body {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "htpass" "wd -b users ml {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "sql" "plus ml/{}@raw\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "mosquitto" "_pub -u ml -P {} -t raw\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "key" "tool -list -storepass {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "open" "ssl enc -d -aes-256-cbc -k {} -in raw\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "ssh" "-keygen -t ed25519 -N {} -f key\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "xfree" "rdp /u:ml /p:{} /v:ml.net\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "net" " use z: //ml/raw /user:ml {}\n"),
    ("Password in a URL", ("Tr", "ee9!", (ALNUM, 8)), 'u = "https://train:" + "{}" + "@ml.net"\n'),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "lf" "tp -u ml,{} ml.net\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "databricks" " secrets put --scope ml --string-value {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "aws" " ssm put-parameter --name db --value {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "wandb" " login {}\n"),
    ("Password on a command line", ("Tr", "ee9!", (ALNUM, 8)), "echo" " {} | docker login ml.net -u ml --password-stdin\n"),
    ("App Configuration connection string", ((ALNUM, 43), "="), 'c("Endpoint=https://ml.azconfig.io;Id=a:b;Sec' 'ret={}")\n'),
    ("Mailgun key", ("ke", "y-", (HEX, 32)), 'mail("{}")\n'),
    ("Django secret key", ("django", "-insecure-", (ALNUM, 50)), "{}\n"),
)  # fmt: skip

# One text for each way to read names and values, and the ending of its file.
NAMED_TEXTS: tuple[tuple[str, str], ...] = (
    ('db_password = "{}"\n', "py"),
    ('os.getenv("DB_PASSWORD", "{}")\n', "py"),
    ('[{"name": "DB_PASSWORD", "value": "{}"}]\n', "json"),
    ("DB_PASSWORD={}\n", "env"),
    ("az sql server create --admin-password {}\n", "sh"),
    ("x: &it {}\npassword: *it\n", "yml"),
    ("user,password\nml,{}\n", "csv"),
    ("| user | password |\n|---|---|\n| ml | {} |\n", "md"),
    ("<db><password>{}</password></db>\n", "xml"),
)


def make_token(pieces: tuple[Piece, ...], some: Callable[[str, int], str]) -> str:
    """A token; ``some`` draws characters of an alphabet."""
    return "".join(piece if isinstance(piece, str) else some(*piece) for piece in pieces)
