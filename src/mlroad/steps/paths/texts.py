"""What a text looks like: a local path, a URL, or neither."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

HOLE = "\0"
"""Stands in a text for a part that only a run knows."""

_EXTENSIONS = (
    "csv|tsv|txt|json|jsonl|ndjson|parquet|pq|feather|arrow|orc|avro|xlsx|xls|pkl|pickle|joblib|npy|npz|h5"
    "|hdf5|hdf|db|sqlite|zip|gz|bz2|xz|zst|tar|tgz|7z|onnx|pt|pth|ckpt|safetensors|keras|bin|png|jpg|jpeg|tif|tiff"
    "|html|xml|yml|yaml|ini|toml|cfg|log|mat|sav|dta|sas7bdat|nc|zarr|wav|mp3|mp4|pdf"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*|(azureml|runs|models|dbfs|file|sqlite):/+\S*")
_DATA_SCHEME = re.compile(
    r"(s3[an]?|gs|gcs|abfss?|wasbs?|adl|az|azureml|hdfs|dbfs|file|ftps?|sftp|runs|models"
    r"|sqlite|postgres(ql)?|mysql|mssql|mariadb|oracle|mongodb)(\+\w+)?:/",
    re.IGNORECASE,
)
_DATA_HOST = re.compile(
    r"https?://([^/\s]*\.)?(core\.windows\.net|amazonaws\.com|storage\.googleapis\.com"
    r"|raw\.githubusercontent\.com|data\.azureml\.ms)(/|$)",
    re.IGNORECASE,
)
_DATA_URL = re.compile(rf"https?://\S+\.({_EXTENSIONS})", re.IGNORECASE)
# Schemas, papers and namespaces are cited by such addresses.
_CITED_URL = re.compile(r"\.(html|xml|json|txt|pdf|toml|yml|yaml)$", re.IGNORECASE)
_LEADS_OUT = re.compile(
    r"""
      /(home|Users|mnt|data|tmp|var|opt|srv|root|usr|etc|Volumes|media|dbfs|workspaces?|scratch|content)/\S.*
    | [A-Za-z]:[\\/][^\\/].*
    | \\\\[\w.-]{2,}\\[\w$.-]{2,}.*
    | ~[\\/]\S.*
    | \.\.?[\\/][\w.]\S*
    """,
    re.VERBOSE,
)
_NAMES_A_FILE = re.compile(rf"/?[\w.-]+([\\/][\w.-]+)+\.({_EXTENSIONS})", re.IGNORECASE)
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]|\\\\|~[\\/]|\.\.([\\/]|$)")
_MEDIA_TYPE = re.compile(
    r"(application|audio|font|image|message|model|multipart|text|video)/(vnd\.|x-|prs\.)\S+"
)
_PATTERN = re.compile(r"\.\*|\.\+|\(\?|\[\^|\\\.|\\[dwsS][+*]")
# Azure ML collects what a step leaves under ./outputs: the one literal path that means the same everywhere.
_COLLECTED = re.compile(r"(\./)?outputs(/(?!\.\./).*)?")
_NO_PATH = frozenset({"", "-", ":memory:", "/dev/null", "/dev/stdout", "/dev/stderr", "NUL"})


@dataclass(frozen=True, slots=True)
class Text:
    """A text that the source tells, at least its beginning; ``node`` is where it is written."""

    value: str
    node: ast.expr

    @property
    def is_url(self) -> bool:
        return _URL.match(self.value) is not None

    @property
    def leaves_its_folder(self) -> bool:
        """Whether joining it to a folder would not stay in that folder."""
        return self.is_url or _ABSOLUTE.match(self.value) is not None

    @property
    def is_unmistakable(self) -> bool:
        """Whether it is a path, or a URL to data, wherever it stands."""
        return self._leads_out or self._names_a_file

    @property
    def is_merely_relative(self) -> bool:
        """Whether only its extension and its slash tell that it is a path, so it may belong to any folder."""
        return self._names_a_file and not self._leads_out and not self.leaves_its_folder

    @property
    def is_no_path(self) -> bool:
        """Whether it is none even where a path is asked for: a stream, data itself, Azure ML's ./outputs."""
        value = self.value
        return value in _NO_PATH or value.lstrip()[:1] in ("{", "[", "<") or bool(_COLLECTED.fullmatch(value))

    @property
    def is_more_than_a_word(self) -> bool:
        return re.search(r"[/\\.~:\0]", self.value) is not None

    @property
    def _leads_out(self) -> bool:
        if not self._may_be_a_path:
            return False
        if self.is_url:
            url = self.value
            data = _DATA_URL.fullmatch(url) and not _CITED_URL.search(url)
            return bool(_DATA_SCHEME.match(url) or _DATA_HOST.match(url) or data)
        return _LEADS_OUT.fullmatch(self._filled) is not None

    @property
    def _names_a_file(self) -> bool:
        return self._may_be_a_path and not self.is_url and _NAMES_A_FILE.fullmatch(self._filled) is not None

    @property
    def _may_be_a_path(self) -> bool:
        value = self.value
        if ("/" not in value and "\\" not in value) or len(value) > 500 or "\n" in value:
            return False
        return not (self.is_no_path or _PATTERN.search(value) or _MEDIA_TYPE.fullmatch(value))

    @property
    def _filled(self) -> str:
        return self.value.replace(HOLE, "x")


def spelled(node: ast.expr) -> Text | None:
    """The text of an expression that begins with a literal, as far as it is spelled out on the spot."""
    match node:
        case ast.Constant(value=str() as value):
            return Text(value, node)
        case ast.JoinedStr(values=[ast.Constant(), *_]):
            parts = [str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values]
            return Text("".join(parts), node)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            start = spelled(left)
            if start is not None:
                end = spelled(right)
                return Text(start.value + (end.value if end else HOLE), node)
        case ast.BinOp(left=left, op=ast.Mod()):
            start = spelled(left)
            if start is not None:
                return Text(re.sub(r"%(\(\w+\))?[-0-9.]*[a-z]", HOLE, start.value), node)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as value), attr="format")):
            return Text(re.sub(r"\{[^}]*\}", HOLE, value), node)
    return None


def holes(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of a composed text that are no literals."""
    match node:
        case ast.JoinedStr(values=values):
            for part in values:
                if isinstance(part, ast.FormattedValue):
                    yield part.value
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            for side in (left, right):
                if isinstance(side, ast.JoinedStr | ast.BinOp):
                    yield from holes(side)
                elif not isinstance(side, ast.Constant):
                    yield side
