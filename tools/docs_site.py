"""Build the documentation site: of this checkout, or of every release."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlroad.core.git import run_git
from mlroad.core.problems import UserError
from tools.release_tags import release_tags

CONFIG = "zensical.toml"
SITE = "site"
HOME = """<!doctype html>
<meta charset="utf-8">
<title>ML Road</title>
<meta http-equiv="refresh" content="0; url=latest/">
<a href="latest/">The documentation of the newest release</a>
"""


class BuildFailed(Exception):
    """Zensical found a mistake in the pages, and printed it."""


def builder(uv: Path) -> list[str]:
    """The command that builds the site of the current folder, with the Zensical of its pyproject.toml."""
    return [
        *(str(uv), "run", "--quiet", "--isolated", "--only-group", "docs"),
        *("zensical", "build", "--strict", "--clean"),
    ]


def build(folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Path:
    """Build the site of this checkout. Every warning is an error. Raises BuildFailed."""
    site = folder / SITE
    shutil.rmtree(site, ignore_errors=True)  # Zensical leaves pages that no longer exist
    done = subprocess.run(
        command, cwd=folder, env=environment or os.environ, capture_output=True,
        text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        # After its warnings Zensical ends with a traceback of its own code.
        raise BuildFailed(
            (done.stdout + done.stderr).partition("Traceback (most recent call last)")[0].strip()
        )
    return site


def released(repo: Path) -> list[str]:
    """The tags of the releases that have a site, newest first."""
    return [tag for tag in release_tags(repo) if run_git(repo, "cat-file", "-e", f"{tag}:{CONFIG}").ok]


def build_releases(repo: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Path:
    """Build the site of each release in its own folder, and the newest in `latest` too.

    Each release is built from its tag: nothing has to be kept between two releases.
    """
    tags = released(repo)
    if not tags:
        raise UserError(
            f"No release of this clone has {CONFIG}.", "Make one, or get the tags: git fetch --tags."
        )
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / SITE
        for tag in tags:
            checkout = Path(temporary) / tag
            run_git(repo, "worktree", "add", "--quiet", "--detach", str(checkout), tag, check=True)
            try:
                shutil.copytree(build(checkout, command, environment), whole / tag[1:])
            except BuildFailed as error:
                raise BuildFailed(f"{tag}:\n{error}") from None
            finally:
                run_git(repo, "worktree", "remove", "--force", str(checkout), check=True)
        shutil.copytree(whole / tags[0][1:], whole / "latest")
        versions = [
            {"version": tag[1:], "title": tag[1:], "aliases": ["latest"] if tag == tags[0] else []}
            for tag in tags
        ]
        (whole / "versions.json").write_text(json.dumps(versions), encoding="utf-8")
        (whole / "index.html").write_text(HOME, encoding="utf-8")
        shutil.rmtree(repo / SITE, ignore_errors=True)
        shutil.copytree(whole, repo / SITE)
    return repo / SITE
