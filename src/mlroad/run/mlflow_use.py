"""Which steps use MLflow, and for what. It reads their code, because the runner never imports MLflow."""

import ast
import re
from typing import Literal

from mlroad.run.code_snapshot import CodeSnapshot

Use = Literal["none", "models", "tracking"]
"""``models``: the step only reads and writes model files, so it can start without its MLflow run."""

_MLFLOW = re.compile(rb"\bmlflow\b")
_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([\w.]+)", re.MULTILINE)
_SCRIPTS = (".py", ".sh", ".ipynb")
_OF_MODELS = frozenset({
    "save_model", "load_model", "infer_signature", "ModelSignature", "Schema", "ColSpec", "TensorSpec",
    "ParamSchema", "ParamSpec", "DataType", "MlflowException",
})  # fmt: skip
"""Names in MLflow's modules that use no run. All other names count as tracking."""


def mlflow_use(command: str, snapshot: CodeSnapshot) -> Use:
    """How a step uses MLflow: its command, its script, and the modules of its folder that the script imports.

    A script counts if its name is in the command. If there is none, every script of the folder counts.
    """
    if _MLFLOW.search(command.encode()):
        return "tracking"
    scripts = [name for name in snapshot.files if name.endswith(_SCRIPTS)]
    modules = {name.removesuffix(".py").split("/")[0]: name for name in scripts if name.endswith(".py")}
    waiting = [name for name in scripts if name.rpartition("/")[2] in command] or list(scripts)
    seen = set(waiting)
    use: Use = "none"
    while waiting:
        name = waiting.pop()
        text = (snapshot.folder / name).read_bytes()
        if _MLFLOW.search(text):
            if not name.endswith(".py") or not _only_models(text):
                return "tracking"
            use = "models"
        for imported in _IMPORT.findall(text):
            top = imported.decode().split(".")[0]
            if top in modules:
                found = [name for name in scripts if name == f"{top}.py" or name.startswith(f"{top}/")]
                waiting += [name for name in found if name not in seen]
                seen.update(found)
    return use


def _only_models(text: bytes) -> bool:
    """Whether a script uses MLflow only for model files. False if in doubt."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    part_of_longer: set[int] = set()
    for node in ast.walk(tree):  # outer nodes first, so that a.b.c comes before its part a.b
        match node:
            case ast.Import(names):
                if any(alias.asname and alias.name.split(".")[0] == "mlflow" for alias in names):
                    return False
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] == "mlflow":
                if any(alias.name not in _OF_MODELS for alias in names):
                    return False
            case ast.Attribute(attr=last) if id(node) not in part_of_longer:
                root: ast.expr = node
                while isinstance(root, ast.Attribute):
                    root = root.value
                    part_of_longer.add(id(root))
                if isinstance(root, ast.Name) and root.id == "mlflow" and last not in _OF_MODELS:
                    return False
            case ast.Name("mlflow") if id(node) not in part_of_longer:
                return False
    return True
