"""The files that a candidate is judged by must be as they are committed, so that people have reviewed them.

They are gates.yml, evaluation.py, waivers.yml and data.yml of the model, its inference tests, and the version
file of the holdout. The gate reads them from the working tree and notes their digests in the verdict.
`mlroad register` refuses them if one differs from HEAD.
"""

from collections.abc import Callable
from pathlib import Path

from mlroad.core.digests import digest_of_bytes
from mlroad.core.git import file_at
from mlroad.models.suite import CASES, FOLDER, SUITE, file_digest, text_digest

FILES = ("gates.yml", "evaluation.py", "waivers.yml", "data.yml")
SUITE_KEY = "inference_tests"

Rules = dict[str, str | None]


def rules_of(model_folder: Path) -> Rules:
    """The digests of the files in the working tree; None for a missing file. Raises OSError."""

    def read(name: str) -> bytes | None:
        try:
            return (model_folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    return _digests(read)


def uncommitted_rules(root: Path, model: str, holdout: str) -> list[str]:
    """The files, relative to ``root``, that differ from HEAD. ``holdout`` is ``name:version``."""
    folder = f"models/{model}"
    here, there = rules_of(root / folder), _digests(lambda name: file_at(root, "HEAD", f"{folder}/{name}"))
    different = [f"{folder}/{name}" for name, digest in there.items() if here[name] != digest]
    name, _, number = holdout.partition(":")
    version = f"datasets/{name}/{number}.yml"
    content = file_at(root, "HEAD", version)
    if content is None or text_digest(content) != file_digest(root / version):
        different.append(version)
    return different


def _digests(read: Callable[[str], bytes | None]) -> Rules:
    """``sha256:…`` of each file and of the suite, with Windows line ends read as \\n."""
    found: Rules = {}
    for name in FILES:
        content = read(name)
        found[name] = None if content is None else text_digest(content)
    found[SUITE_KEY] = _suite(read)
    return found


def _suite(read: Callable[[str], bytes | None]) -> str | None:
    """As `mlroad.models.suite.suite_digest`, for the content that ``read`` returns."""
    lines = ""
    for name in (SUITE, CASES):
        content = read(f"{FOLDER}/{name}")
        if content is None:
            return None
        lines += f"{text_digest(content)[7:]}  {name}\n"
    return digest_of_bytes(lines.encode())
