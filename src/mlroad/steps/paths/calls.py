"""Which functions take a path or a URL, and where among their arguments.

Functions of modules stand here by their full name; methods and functions whose last name alone says enough
(`frame.to_csv`, `pl.read_parquet`) by a pattern. The numbers are positions of arguments.
"""

from __future__ import annotations

import ast
import re

_FIRST = (0,)
_SECOND = (1,)
_BOTH = (0, 1)


def _all(module: str, names: str, positions: tuple[int, ...] = _FIRST) -> dict[str, tuple[int, ...]]:
    return {f"{module}.{name}": positions for name in names.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FUNCTIONS: dict[str, tuple[int, ...]] = {
    "open": _FIRST,
    **_all("io", "open FileIO"),
    **_all("codecs", "open"),
    **_all("gzip", "open GzipFile"),
    **_all("bz2", "open BZ2File"),
    **_all("lzma", "open LZMAFile"),
    **_all("zipfile", "ZipFile"),
    **_all("tarfile", "open"),
    **_all("shelve", "open"),
    **_all("sqlite3", "connect"),
    **_all("fileinput", "input FileInput"),
    **_all("logging", "FileHandler"),
    **_all("pathlib", "Path PurePath PosixPath WindowsPath PurePosixPath PureWindowsPath"),
    **_all("os", "open listdir scandir walk remove unlink makedirs mkdir rmdir chdir stat access"),
    **_all("os", "rename replace renames link symlink", _BOTH),
    **_all("os.path", "join exists isfile isdir getsize getmtime abspath realpath expanduser relpath"),
    **_all("shutil", "copy copy2 copyfile copytree move", _BOTH),
    **_all("shutil", "rmtree disk_usage make_archive unpack_archive"),
    **_all("glob", "glob iglob"),
    **_all("sys.path", "append"),
    **_all("sys.path", "insert", _SECOND),
    **_all("numpy", "load save savez savez_compressed loadtxt savetxt genfromtxt fromfile memmap"),
    **_all("joblib", "load"),
    **_all("joblib", "dump", _SECOND),
    **_all("torch", "load jit.load"),
    **_all("torch", "save jit.save", _SECOND),
    **_all("h5py", "File"),
    **_all("fsspec", "open open_files"),
    **_all("PIL.Image", "open"),
    **_all("requests", "get post put patch delete head"),
    **_all("requests", "request", _SECOND),
    **_all("httpx", "get post put patch delete head"),
    **_all("httpx", "request stream", _SECOND),
    **_all("urllib.request", "urlopen urlretrieve Request"),
    **_all("wget", "download"),
    **_all("mlflow", "set_tracking_uri set_registry_uri log_artifact log_artifacts"),
    **_all("mlflow.artifacts", "load_dict load_text load_image"),
    **_all("sqlalchemy", "create_engine"),
    **_all("pyarrow.parquet", "read_table ParquetFile ParquetWriter ParquetDataset"),
    **_all("pyarrow.parquet", "write_table write_to_dataset", _SECOND),
    **_all("xgboost", "DMatrix"),
    **_all("lightgbm", "Dataset"),
    **_all("runpy", "run_path"),
}

# Not read_sql or read_clipboard: they take no path.
_TELLING_NAMES = re.compile(
    r"""
      (read|scan|to|write|sink)_(csv|parquet|excel|json|jsonl|ndjson|table|feather|pickle|fwf|orc|stata|sas
        |spss|hdf|html|xml|ipc|avro|delta|markdown|latex|image|netcdf|zarr|file)
    | (load|save)_(model|weights|img|image|from_disk|to_disk)
    | savefig | loadtxt | savetxt | genfromtxt | fromfile | tofile | memmap | savez | savez_compressed
    | imread | imsave | imwrite | loadmat | savemat | urlopen | urlretrieve
    """,
    re.VERBOSE,
)

KEYWORDS = _words(
    """
    path file filename filepath file_path filepath_or_buffer path_or_buf path_or_buffer fname io url uri
    src dst source destination local_path local_dir model_uri artifact_uri excel_writer directory root_dir
    data_dir output_dir input_dir cache_dir save_path log_dir database
    """
)
# What looks like a path there is a name of something else: an artifact, a member of an archive, a pattern.
_HARMLESS_NAMES = _words(
    """
    log_figure log_dict log_text log_table log_image log_artifact log_artifacts set_tag set_tags log_param
    log_params log_input log_metric log_metrics set_experiment
    writestr extract getinfo getmember extractfile open read
    startswith endswith replace split rsplit partition rpartition strip removeprefix removesuffix find index
    count match fullmatch search sub findall compile strftime strptime relative_to is_relative_to
    debug info warning error exception critical print
    """
)
JOINS = _words("joinpath with_name glob rglob with_stem with_suffix")
_WRITES = re.compile(r"to_|write|save|sink|dump|mkdir|makedirs|imsave|imwrite|tofile|memmap|FileHandler")


def path_positions(dotted: str, last: str) -> tuple[int, ...] | None:
    """Which positional arguments of a call hold a path; None if the function is not known to take one."""
    if dotted in _FUNCTIONS:
        return _FUNCTIONS[dotted]
    if _TELLING_NAMES.fullmatch(last):
        return _SECOND if last == "save_model" and dotted.startswith("mlflow.") else _FIRST
    return None


def takes_any_text(dotted: str) -> bool:
    """Whether even a single word is a path there: `pd.read_csv("data")`, but not `hub.load_model("best")`."""
    last = dotted.rpartition(".")[2]
    return dotted in _FUNCTIONS or (last.startswith(("read_", "scan_")) and not dotted.startswith("?"))


def is_harmless(last: str) -> bool:
    """Whether a function that is not known to take a path uses its texts for something else."""
    return last in _HARMLESS_NAMES


def writes(call: ast.Call, last: str) -> bool:
    """Whether ``call`` makes something at its path, as far as its name and mode say."""
    if _WRITES.match(last):
        return True
    mode = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
    if mode is None and last == "open" and len(call.args) > 1:
        mode = call.args[1]
    return (
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and mode.value[:1] in ("w", "a", "x")
    )
