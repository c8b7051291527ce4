"""The pages of ML Road's documentation, at the version that a repo uses.

They are in the template and not in the wheel, because the wheel is built from src/ alone, also by an older
version of this tool. So they come from the template: by git, once for each version, kept in the cache.
"""

import re
import tempfile
from pathlib import Path

from mlroad.core.git import GitError, run_git, unpack
from mlroad.core.problems import UserError
from mlroad.core.repo import cache_folder
from mlroad.core.template import Origin, origin
from mlroad.core.text import did_you_mean

_COMMENT = re.compile(r"^ *<!-- .*? -->\n+", re.MULTILINE)
"""A line for the tests of the pages; a browser does not show it either."""
_KINDS = ("tutorial", "how-to", "reference", "explanation")
"""The order in which a newcomer reads them."""
_SOURCE = Path(__file__).resolve().parents[3]
"""The template itself, if the tool runs from its source."""


def pages_folder(repo: Path) -> Path:
    """The folder docs/ of the version that ``repo`` uses. Raises UserError if it cannot be had."""
    if _from_source():
        return _SOURCE / "docs"
    template = origin(repo)
    commit = commit_of(template.version)
    # Absolute, because git runs in this folder and gets paths below it.
    kept = cache_folder(repo.resolve()) / f"docs-{commit}"
    if not (kept / "docs").is_dir():
        _fetch(template, commit, kept)
    return kept / "docs"


def page_names(docs: Path) -> list[str]:
    """The names of all pages: tutorials first, decisions last."""
    pages = (path.relative_to(docs).with_suffix("").as_posix() for path in docs.rglob("*.md"))
    return sorted((name for name in pages if not name.endswith("README")), key=_place)


def _place(name: str) -> tuple[int, int, str]:
    kind = name.partition("/")[0]
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS), name.count("/"), name


def find_page(docs: Path, name: str) -> str:
    """The whole name of a page, by its name or by the last part of it. Raises UserError."""
    wanted = name.removeprefix("docs/").removesuffix(".md")
    names = page_names(docs)
    found = [it for it in names if it == wanted] or [it for it in names if it.rpartition("/")[2] == wanted]
    if not found:
        short = [it.rpartition("/")[2] for it in names]
        otherwise = "`mlroad help` lists the pages."
        raise UserError(f"There is no page {name}.", did_you_mean(wanted, [*names, *short], otherwise))
    if len(found) > 1:
        raise UserError(f"There are several pages {name}.", f"Choose one of {', '.join(found)}.")
    return found[0]


def read_page(docs: Path, name: str) -> str:
    """The text of a page, by its whole name."""
    return _COMMENT.sub("", (docs / f"{name}.md").read_text(encoding="utf-8"))


def page_source(repo: Path, name: str) -> str:
    """Where `read_page` has a page from: a file of the template's source, or an address and a version."""
    file = f"docs/{name}.md"
    return str(_SOURCE / file) if _from_source() else web_address(origin(repo), file)


def commit_of(version: str) -> str:
    """The commit or tag in a version as Copier records it: a tag, or ``v1.2.0-3-gabc1234``."""
    described = re.fullmatch(r".+-\d+-g([0-9a-f]{7,40})", version)
    return described[1] if described else version


def web_address(template: Origin, path: str = "docs") -> str:
    """Where a browser finds a folder or page of this version; for other hosts, the repo and the version."""
    commit = commit_of(template.version)
    kind = "blob" if path.endswith(".md") else "tree"
    plain = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", template.shown).removesuffix(".git")
    if plain.startswith("https://github."):
        return f"{plain}/{kind}/{commit}/{path}"
    if plain.startswith("https://gitlab."):
        return f"{plain}/-/{kind}/{commit}/{path}"
    return f"{template.shown}, {path} at {commit}"


def _from_source() -> bool:
    return (_SOURCE / "copier.yml").is_file()


def _fetch(template: Origin, commit: str, kept: Path) -> None:
    """Write docs/ of a commit to ``kept``, completely or not at all."""
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="docs-") as temporary:
        clone, files = Path(temporary) / "clone", Path(temporary) / "files"
        quiet = {"GIT_TERMINAL_PROMPT": "0"}
        try:
            command = ("clone", "--quiet", "--bare", "--filter=blob:none", "--", template.address, str(clone))
            cloned = run_git(kept.parent, *command, environment=quiet)
            packed = run_git(clone, "archive", "--format=tar", commit, "--", "docs") if cloned.ok else cloned
        except GitError as error:
            raise UserError(str(error)) from None
        if not packed.ok:
            what = f"The pages cannot be read from the template: {packed.first_reason}."
            raise UserError(what, f"Open them in a browser: {web_address(template)}")
        unpack(packed.data, files)
        files.replace(kept)
