"""Addresses of git repos as people may see them, and the repo on GitHub that an address names."""

import re

# A program signs in with the user of an SSH address, so that user stays.
_LOGIN = re.compile(r"(https?://)[^/\s'\"<>]*@", re.IGNORECASE)
_PASSWORD = re.compile(r"([a-z0-9+.-]+://[^/:@\s]*):[^/\s'\"<>]*@", re.IGNORECASE)
_SERVER = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/|[^@/:]+@(?P<ssh>[^/:]+):/?)"
    r"(?P<repo>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


def without_login(text: str) -> str:
    """The text with its addresses, without passwords and tokens, and users that only belong to one."""
    return _PASSWORD.sub(r"\1@", _LOGIN.sub(r"\1", text))


def on_server(address: str) -> str:
    """``host/owner/name`` of an address; empty if it is not of that form, such as a path."""
    found = _SERVER.fullmatch(address)
    if not found:
        return ""
    host = (found["host"] or found["ssh"]).lower()
    # GitHub's hosts for SSH through a proxy, and for old links.
    return f"{host.removeprefix('ssh.').removeprefix('www.')}/{found['repo']}"
