"""Tokens of code hosts, clouds, model services, chat and package registries."""

import base64
import json
import re

from mlroad.guard.secret_rules import SecretRule, anything, secret_of
from mlroad.guard.secret_values import is_token
from mlroad.guard.word_likeness import looks_generated

_E = r"(?![A-Za-z0-9_-])"
_S = r"(?<![A-Za-z0-9_])"


def _is_jwt(match: re.Match[str]) -> bool:
    head = secret_of(match).split(".", 1)[0]
    try:
        fields = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return False
    return isinstance(fields, dict) and ("alg" in fields or "enc" in fields)


def _is_aws_id(match: re.Match[str]) -> bool:
    token = secret_of(match)
    return is_token(token) and len(set(token)) >= 8 and any(char.isdigit() for char in token)


def _is_telegram(match: re.Match[str]) -> bool:
    token = secret_of(match).partition(":")[2]
    return is_token(token) and looks_generated(token) and any(char.isdigit() for char in token)


def _rule(kind: str, family: str, pattern: str, keywords: str) -> SecretRule:
    return SecretRule(kind, family, f"{_S}{pattern}", tuple(keywords.split()))


RULES: tuple[SecretRule, ...] = (
    # Databricks
    _rule(
        "Databricks token",
        "databricks",
        rf"(?:dapi|dose|dkea|dsapi)[0-9a-f]{{32}}(?:-\d)?{_E}",
        "dapi dose dkea dsapi",
    ),
    # Code hosts
    _rule("GitHub token", "github", rf"gh[pousr]_[A-Za-z0-9_]{{36,255}}{_E}", "ghp_ gho_ ghu_ ghs_ ghr_"),
    _rule(
        "GitHub fine-grained token",
        "github",
        rf"github_pat_[A-Za-z0-9]{{22}}_[A-Za-z0-9]{{59}}{_E}",
        "github_pat_",
    ),
    _rule(
        "GitLab token",
        "gitlab",
        r"(?:gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[\w.-]{20,300}|GR1348941[\w-]{20,50})",
        "glpat- gloas- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- glsoat- glffct- glwt- "
        "GR1348941",
    ),
    _rule("Atlassian token", "code", rf"AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{{24,}}{_E}", "ATATT ATCTT ATBB"),
    # Model services
    _rule("Hugging Face token", "huggingface", rf"(?:hf_|api_org_)[A-Za-z0-9]{{34,40}}{_E}", "hf_ api_org_"),
    _rule("Anthropic key", "anthropic", rf"sk-ant-[a-z0-9]{{2,10}}-[\w-]{{40,}}{_E}", "sk-ant-"),
    _rule(
        "OpenAI key",
        "openai",
        rf"(?<!-)sk-(?:[\w-]{{20,200}}T3BlbkFJ[\w-]{{20,200}}|(?:proj|svcacct|admin|service|None)-[\w-]{{40,}}|[A-Za-z0-9]{{48}}){_E}",
        "sk-",
    ),
    _rule("OpenRouter key", "models", rf"sk-or-v1-[0-9a-f]{{64}}{_E}", "sk-or-v1-"),
    _rule("Groq key", "models", rf"gsk_[A-Za-z0-9]{{52}}{_E}", "gsk_"),
    _rule("xAI key", "models", rf"xai-[A-Za-z0-9]{{70,90}}{_E}", "xai-"),
    _rule("Perplexity key", "models", rf"pplx-[A-Za-z0-9]{{48,56}}{_E}", "pplx-"),
    _rule("NVIDIA API key", "models", rf"nvapi-[\w-]{{60,70}}{_E}", "nvapi-"),
    _rule("Replicate token", "models", rf"r8_[A-Za-z0-9]{{37,40}}{_E}", "r8_"),
    _rule("LangSmith key", "models", rf"lsv2_(?:pt|sk)_[0-9a-f]{{32}}_[0-9a-f]{{10}}{_E}", "lsv2_"),
    _rule("Pinecone key", "models", rf"pcsk_[A-Za-z0-9]{{5,6}}_[A-Za-z0-9]{{60,70}}{_E}", "pcsk_"),
    _rule("Weights & Biases key", "wandb", rf"wandb_v\d+_[A-Za-z0-9_]{{40,}}{_E}", "wandb_v"),
    # Clouds
    _rule(
        "AWS access key id",
        "aws",
        rf"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z2-7]{{16}}{_E}",
        "A3T ABIA ACCA AKIA ASIA",
    ),
    SecretRule(
        "AWS secret access key",
        "aws",
        r"(?i:(?:aws|amazon)?[\w.-]{0,20}secret[\w.-]{0,20}key[\w.-]{0,10})[\"']?\s*[\])]?\s*(?::\s*str\s*)?(?:=|:|=>|:=|,)\s*"
        r"[\"']?(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        ("secret",),
        _is_aws_id,
    ),
    _rule("AWS Bedrock key", "aws", r"ABSK[A-Za-z0-9+/]{100,140}={0,2}", "ABSK"),
    SecretRule("Google API key", "gcp", rf"(?<![A-Za-z0-9_-])AIza[\w-]{{35}}{_E}", ("AIza",)),
    _rule("Google OAuth secret", "gcp", rf"GOCSPX-[\w-]{{28}}{_E}", "GOCSPX-"),
    _rule("Google access token", "gcp", r"ya29\.[\w-]{40,}", "ya29."),
    # Chat
    _rule("Slack token", "slack", rf"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{{20,250}}{_E}", "xox"),
    _rule("Slack app token", "slack", rf"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{{32,}}{_E}", "xapp-"),
    SecretRule(
        "Slack webhook",
        "slack",
        r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/+-]{20,}",
        ("hooks.slack",),
    ),
    _rule(
        "Mailgun key",
        "mail",
        rf"(?:key-[0-9a-f]{{32}}|[0-9a-f]{{32}}(?:-[0-9a-f]{{8}}){{2}}){_E}",
        "key- mailgun",
    ),
    SecretRule(
        "Discord webhook",
        "chat",
        r"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{16,20}/[\w-]{50,80}",
        ("/webhooks/",),
    ),
    SecretRule(
        "Telegram bot token",
        "chat",
        rf"(?<![\w:])\d{{8,10}}:[A-Za-z][\w-]{{34}}{_E}",
        (":AA", "telegram", "bot"),
        _is_telegram,
    ),
    # Package registries
    _rule("PyPI token", "pypi", r"pypi-AgE[\w-]{60,}", "pypi-AgE"),
    _rule("npm token", "npm", rf"npm_[A-Za-z0-9]{{36}}{_E}", "npm_"),
    SecretRule(
        "npm token",
        "npm",
        r":_(?:authToken|auth|password)\s*=\s*[\"']?(?P<secret>[A-Za-z0-9+/=_-]{16,})",
        (":_auth", ":_password"),
    ),
    _rule("NuGet key", "nuget", rf"oy2[a-z2-7]{{43}}{_E}", "oy2"),
    _rule(
        "Artifactory token",
        "artifactory",
        rf"(?:AKC[a-zA-Z0-9]{{60,80}}|cmVmdGtu[A-Za-z0-9]{{50,60}}){_E}",
        "AKC cmVmdGtu",
    ),
    _rule("Docker Hub token", "docker", rf"dckr_(?:pat|oat)_[\w-]{{27,32}}{_E}", "dckr_"),
    # Operations
    _rule("HashiCorp Vault token", "operations", r"hvs\.[\w-]{24,200}", "hvs."),
    _rule(
        "Grafana token",
        "operations",
        rf"(?:glsa_[A-Za-z0-9]{{32}}_[0-9a-f]{{8}}|glc_[A-Za-z0-9+/]{{32,}}={{0,2}}){_E}",
        "glsa_ glc_",
    ),
    _rule("Terraform Cloud token", "operations", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}", ".atlasv1."),
    _rule("New Relic key", "operations", rf"NRAK-[A-Z0-9]{{27}}{_E}", "NRAK-"),
    _rule("Sentry token", "operations", r"sntry[su]_[A-Za-z0-9+/=_-]{60,}", "sntrys_ sntryu_"),
    _rule("Prefect key", "operations", rf"pn[ub]_[A-Za-z0-9]{{36}}{_E}", "pnu_ pnb_"),
    _rule("age secret key", "private key", rf"AGE-SECRET-KEY-1[0-9A-Z]{{58}}{_E}", "AGE-SECRET-KEY-1"),
    SecretRule(
        "Django secret key", "operations", r"django-insecure-[^\s\"'\\]{40,80}", ("django-insecure-",)
    ),
    # Signed tokens
    SecretRule(
        "JSON Web Token",
        "jwt",
        r"(?<![\w.-])eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{16,}(?![\w-])",
        ("eyJ",),
        _is_jwt,
    ),
)


def _line_rule(kind: str, family: str, pattern: str, keywords: str) -> SecretRule:
    return SecretRule(kind, family, pattern, tuple(keywords.split()), anything, engine=True)


# Kinds that plugins of detect-secrets find. These rules select the lines, so that it is loaded when needed.
PLUGIN_RULES: dict[str, SecretRule] = {
    "DiscordBotTokenDetector": _line_rule(
        "Discord bot token",
        "chat",
        r"[MNO][a-zA-Z\d_-]{23,25}\.[a-zA-Z\d_-]{6}\.[a-zA-Z\d_-]{27}",
        "discord token bot",
    ),
    "MailchimpDetector": _line_rule("Mailchimp key", "mail", r"[0-9a-z]{32}-us[0-9]{1,2}", "-us"),
    "SendGridDetector": _line_rule(
        "SendGrid key", "mail", r"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}", "SG."
    ),
    "SquareOAuthDetector": _line_rule("Square secret", "payment", r"sq0csp-[0-9A-Za-z\\\-_]{43}", "sq0csp-"),
    "StripeDetector": _line_rule("Stripe key", "payment", r"(?:r|s)k_live_[0-9a-zA-Z]{24}", "k_live_"),
    "TwilioKeyDetector": _line_rule("Twilio key", "chat", r"(?:AC|SK)[a-z0-9]{32}", "AC SK"),
}
