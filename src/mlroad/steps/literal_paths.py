"""Finds the literal paths and URLs of a script in its syntax tree.

- The literal that a call known to take a path gets (`pd.read_csv("x.csv")`), also as the start of an
  f-string, of a sum, of `%` or of `.format`.
- The literal assigned to a name that such a call gets, if the script binds the name in one place only.
- A literal that is a path or the URL of data wherever it is: `"../x"`, `"/home/ada/x"`, `"s3://bucket/x"`.

No value is followed any further: a run finds the rest, because there the file does not exist.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HOLE = "\0"
"""In a text, the part that only a run knows."""

# Functions by their full names; the arguments that are paths or URLs are the first, the second, or both.
_FIRST = """
    open io.open gzip.open bz2.open lzma.open codecs.open zipfile.ZipFile tarfile.open shelve.open
    sqlite3.connect logging.FileHandler glob.glob glob.iglob sys.path.append pathlib.Path pathlib.PurePath
    os.open os.listdir os.scandir os.walk os.remove os.unlink os.makedirs os.mkdir os.rmdir os.chdir os.stat
    os.path.join os.path.exists os.path.isfile os.path.isdir os.path.getsize os.path.abspath shutil.rmtree
    shutil.unpack_archive numpy.load numpy.save numpy.savez numpy.savez_compressed numpy.fromfile numpy.memmap
    joblib.load torch.load h5py.File fsspec.open PIL.Image.open requests.get requests.post requests.put
    requests.head httpx.get httpx.post urllib.request.Request wget.download mlflow.set_tracking_uri
    mlflow.set_registry_uri mlflow.log_artifact mlflow.log_artifacts sqlalchemy.create_engine
    pyarrow.parquet.read_table pyarrow.parquet.ParquetFile
"""
_SECOND = "sys.path.insert joblib.dump torch.save requests.request pyarrow.parquet.write_table"
_BOTH = "os.rename os.replace shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move"
_FUNCTIONS = {
    name: at for names, at in ((_FIRST, (0,)), (_SECOND, (1,)), (_BOTH, (0, 1))) for name in names.split()
}
# Functions and methods whose last name shows that they take a path. Not read_sql: it takes a query.
_BY_LAST_NAME = re.compile(
    r"(read|scan|to|write|sink)_(csv|parquet|excel|json|ndjson|table|feather|pickle|fwf|orc|stata|sas|spss|hdf"
    r"|html|xml|ipc|avro|delta|netcdf|zarr|file)|(load|save)_(model|weights|img|image)|savefig|loadtxt|savetxt"
    r"|genfromtxt|tofile|imread|imsave|imwrite|loadmat|savemat|urlopen|urlretrieve"
)
_PATH_KEYWORD = re.compile(
    r"path|file|fname|file_?(name|path)|filepath_or_buffer|path_or_buf|io|ur[il]|src|dst|directory|database"
    r"|local_(path|dir)|model_uri|excel_writer|save_path"
)
_WRITES = re.compile(r"to_|write|save|sink|dump|mkdir|makedirs|im(save|write)|tofile|memmap|FileHandler")
# What looks like a path there is the name of an artifact, a pattern or a message.
_OTHER_TEXT = re.compile(
    r"(log|set)_(figure|dict|text|table|image|tags?|params?|metrics?|experiment)|(starts|ends)with|replace|find"
    r"|r?split|r?partition|remove(pre|suf)fix|(full)?match|search|sub|findall|compile|print|debug|info|warning"
    r"|error|exception|critical"
)
_OTHER_KEYWORD = re.compile(r"help|description|artifact_(path|file)")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(azureml|runs|models|dbfs|file|sqlite):/")
_DATA_URL = re.compile(
    r"(s3[an]?|gs|abfss?|wasbs?|adl|az|azureml|hdfs|dbfs|file|s?ftp|runs|models|sqlite|postgresql|mysql|mssql)"
    r"(\+\w+)?:/.*|https?://(([^/\s]*\.)?(core\.windows\.net|amazonaws\.com|storage\.googleapis\.com"
    r"|raw\.githubusercontent\.com)(/.*)?|\S+\.(csv|tsv|jsonl|parquet|xlsx?|pkl|np[yz]|h5|db|zip|gz|tgz|onnx|pt))"
)
_LEADS_OUT = re.compile(
    r"/(home|Users|mnt|data|tmp|var|opt|srv|root|usr|etc|Volumes|media|dbfs|workspaces?|scratch|content)/\S.*"
    r"|[A-Za-z]:[\\/][^\\/].*|\\\\[\w.-]{2,}\\[\w$.-]{2,}.*|~[\\/]\S.*|\.\.?[\\/][\w.]\S*"
)
_REGULAR_EXPRESSION = re.compile(r"\.\*|\.\+|\(\?|\[\^|\\\.|\\[dwsS][+*]")
# Streams, data itself, and ./outputs, which Azure ML collects from every step.
_NO_PATH = re.compile(r"-?|:memory:|/dev/\w+|NUL|\s*[{\[<].*|(\./)?outputs(/(?!\.\./).*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LiteralPath:
    """A literal path or URL. ``written`` says that the step creates the file."""

    value: str
    node: ast.expr
    written: bool

    @property
    def is_url(self) -> bool:
        return _URL.match(self.value) is not None

    @property
    def leads_out(self) -> bool:
        """Whether it leads out of the step's folder."""
        return _LEADS_OUT.fullmatch(self.value) is not None


def find_paths(nodes: Iterable[ast.AST], imports: dict[str, str]) -> list[LiteralPath]:
    """The literal paths and URLs among the nodes of a script. ``imports`` are its names' full names."""
    nodes = list(nodes)
    assigned, skipped = _assigned_once(nodes), set(_skipped(nodes))
    found: dict[ast.expr, LiteralPath] = {}
    for call in nodes:
        if isinstance(call, ast.Call) and call not in skipped:
            for argument, any_word, written in path_arguments(call, imports):
                text = _text(argument) or _text(assigned.get(_start(argument)))
                if text and not _NO_PATH.fullmatch(text[0]) and (any_word or re.search(r"[/\\.~:]", text[0])):
                    found[text[1]] = LiteralPath(*text, written)
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in skipped and node not in found:
            text = _text(node)
            if text and _is_unmistakable(text[0]):
                found[node] = LiteralPath(*text, written=False)
    return list(found.values())


def full_name(node: ast.expr, imports: dict[str, str]) -> str:
    """The full name of a function, as far as known: ``pandas.read_csv``; ``?.to_csv`` for a method."""
    match node:
        case ast.Name(id=name):
            return imports.get(name, name)
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{imports.get(owner, '?')}.{name}"
        case ast.Attribute(value=ast.Attribute() as owner, attr=name):
            return f"{full_name(owner, imports)}.{name}"
        case ast.Attribute(attr=name):
            return f"?.{name}"
    return "?"


def path_arguments(call: ast.Call, imports: dict[str, str]) -> Iterator[tuple[ast.expr, bool, bool]]:
    """The arguments of a call that are paths; whether any word is a path there, and whether it is written."""
    name = full_name(call.func, imports)
    last = name.rpartition(".")[2]
    if name in _FUNCTIONS:
        positions = _FUNCTIONS[name]
    elif _BY_LAST_NAME.fullmatch(last):
        positions = (1,) if last == "save_model" and name.startswith("mlflow.") else (0,)
    else:
        return
    any_word = name in _FUNCTIONS or (last.startswith(("read_", "scan_")) and not name.startswith("?"))
    mode = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
    if mode is None and last == "open" and len(call.args) > 1:
        mode = call.args[1]
    written = bool(_WRITES.match(last)) or (isinstance(mode, ast.Constant) and str(mode.value)[:1] in "wax")
    for position in positions:
        if position < len(call.args):
            yield call.args[position], any_word, written
    for keyword in call.keywords:
        if keyword.arg and _PATH_KEYWORD.fullmatch(keyword.arg):
            yield keyword.value, any_word, written


def _start(node: ast.expr) -> str:
    """The name that a text begins with: ``ROOT`` of ``ROOT + "/x.csv"`` and ``f"{ROOT}/x.csv"``."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
            return _start(first)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            return _start(left)
        case ast.Call(func=ast.Attribute(value=receiver, attr="format")):
            return _start(receiver)
    return ""


def _text(node: ast.expr | None) -> tuple[str, ast.expr] | None:
    """The text of an expression that begins with a literal, and where it begins."""
    match node:
        case ast.Constant(value=str() as value):
            return value, node
        case ast.JoinedStr(values=[ast.Constant(), *_] as values):
            return "".join(
                str(part.value) if isinstance(part, ast.Constant) else HOLE for part in values
            ), node
        case ast.BinOp(left=left, op=ast.Add(), right=right) if begin := _text(left):
            end = _text(right)
            return begin[0] + (end[0] if end else HOLE), begin[1]
        case ast.BinOp(left=left, op=ast.Mod()) if begin := _text(left):
            return re.sub(r"%(\(\w+\))?[-0-9.]*[a-z]", HOLE, begin[0]), begin[1]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as value) as start, attr="format")):
            return re.sub(r"\{[^{}]*\}", HOLE, value), start
    return None


def _assigned_once(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """The values of the names that a script binds in one place only, and there by an assignment."""
    bound: Counter[str] = Counter()
    values: dict[str, ast.expr] = {}
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound[name] += 1
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = value
    return {name: value for name, value in values.items() if bound[name] == 1}


def _skipped(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Docstrings, later parts of a text, what is joined to a folder, and texts that are something else."""
    for node in nodes:
        match node:
            case (
                ast.Expr(value=ast.Constant() as text) | ast.BinOp(op=ast.Add(), right=ast.Constant() as text)
            ):
                yield text
            case ast.BinOp(op=ast.Div(), right=ast.Call() as joined):
                yield joined
            case ast.JoinedStr(values=parts):
                yield from (part for part in parts if isinstance(part, ast.Constant))
            case ast.FormattedValue(format_spec=ast.JoinedStr() as spec):
                yield spec
            case ast.Compare(left=left, comparators=others):
                yield from (left, *others)
            case ast.Raise():
                yield from ast.walk(node)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if _OTHER_TEXT.fullmatch(name):
                values = (*node.args, *(keyword.value for keyword in node.keywords))
                yield from (value for value in values if not isinstance(value, ast.Call))
            case ast.keyword(arg=str() as name, value=value) if _OTHER_KEYWORD.fullmatch(name):
                yield value


def _is_unmistakable(text: str) -> bool:
    """Whether a text is a path, or the URL of data, wherever it is."""
    if len(text) > 500 or "\n" in text or _NO_PATH.fullmatch(text) or _REGULAR_EXPRESSION.search(text):
        return False
    return bool((_DATA_URL if _URL.match(text) else _LEADS_OUT).fullmatch(text.replace(HOLE, "x")))
