"""The rules for a step's script: no literal paths and URLs, and nothing that Azure ML does not have.

Data comes in by parameters, so that the pipeline decides where it is. The script is never imported or run.

Codes: MR401 local path, MR402 URL, MR403 import of what Azure ML does not have, MR404 allow-comment without a
reason, MR405 registering in a step, MR406 (a warning) autolog that registers.
"""

import ast
import re
from pathlib import Path

from mlroad.core.problems import Position, Problem
from mlroad.steps.environment_rules import check_environment
from mlroad.steps.imported_packages import REPO_PACKAGES
from mlroad.steps.literal_paths import HOLE, LiteralPath, find_paths, full_name
from mlroad.steps.scripts import Script, imported_names, position, read_script

_ALLOW = re.compile(r"#\s*mlroad:\s*allow-path\b[\s:,-]*(.*)$")
_REGISTERING = frozenset({"log_model", "register_model", "create_registered_model", "create_model_version"})


def check_steps(model: Path) -> list[Problem]:
    """The problems of every script under ``model``/steps, except the step contract, and of their imports."""
    scripts = [path for path in sorted((model / "steps").rglob("*.py")) if path.name != "step_io.py"]
    return [*(problem for script in scripts for problem in check_script(script)), *check_environment(model)]


def check_script(path: Path) -> list[Problem]:
    """The problems of one script, in the order of its lines. Raises nothing."""
    script = read_script(path)
    if script.tree is None:
        return [script.problem] if script.problem else []
    nodes = script.nodes
    imports = imported_names(nodes)
    allowed, problems = _allow_comments(script)
    for found in find_paths(nodes, imports):
        node = found.node
        if allowed.isdisjoint(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            problems.append(_path_problem(script, found))
    for statement in nodes:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            problems += _import_problems(script, statement)
    if any(name.split(".")[0] == "mlflow" for name in imports.values()):
        for call in nodes:
            if isinstance(call, ast.Call):
                problems += _registering_problems(script, call, imports)
    return sorted(problems, key=lambda problem: (problem.at.line, problem.at.column))


def _allow_comments(script: Script) -> tuple[set[int], list[Problem]]:
    """The lines that allow-comments cover (after a comment on its own line, the next), and bad comments."""
    lines: set[int] = set()
    problems: list[Problem] = []
    if "allow-path" not in script.text:
        return lines, problems
    for number, line in enumerate(script.text.splitlines(), start=1):
        match = _ALLOW.search(line)
        if not match:
            continue
        if match[1].strip():
            lines.update((number, number + 1) if line.lstrip().startswith("#") else (number,))
        else:
            at = Position(script.path, number, match.start() + 1)
            what = "This allow-comment has no reason, so it allows nothing."
            problems.append(Problem(at, "MR404", what, "Write why: # mlroad: allow-path <reason>."))
    return lines, problems


def _path_problem(script: Script, found: LiteralPath) -> Problem:
    at = position(script, found.node)
    parameter = _parameter_name(found.value)
    shown = found.value.replace(HOLE, "…")
    shown = f'"{shown if len(shown) <= 60 else shown[:57] + "..."}"'
    if found.is_url:
        what = f"{shown} is a literal URL, which Azure ML may not be able to reach."
        fix = (
            "Make the data a dataset (datasets/<name>/<version>.yml), take it as a parameter "
            f"`{parameter}: InputFile` and bind it in pipeline.yml."
        )
        return Problem(at, "MR402", what, fix)
    kind = "OutputFile" if found.written else "InputFile"
    what = f"{shown} is a literal path, which Azure ML does not have."
    fix = f"Take it as a parameter `{parameter}: {kind}` and bind it in pipeline.yml."
    if not found.written and not found.leads_out:
        fix += " A file beside the script is Path(__file__).with_name(...)."
    return Problem(at, "MR401", what, fix)


def _parameter_name(path: str) -> str:
    """A name for a parameter, from the path's last part."""
    last = re.split(r"[\\/]", path.rstrip("\\/"))[-1].replace(HOLE, "_")
    name = re.sub(r"\W+", "_", last.split(".")[0]).strip("_").lower()
    return name if name.isidentifier() else "data"


def _import_problems(script: Script, node: ast.Import | ast.ImportFrom) -> list[Problem]:
    at = position(script, node)
    if isinstance(node, ast.ImportFrom) and node.level:
        what = f"A step runs as a script, but `from {'.' * node.level}{node.module or ''}` needs a package."
        fix = f"Write `from {node.module or node.names[0].name} import …`: steps/ is on the path."
        return [Problem(at, "MR403", what, fix)]
    modules = (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    )
    problems = []
    for module in modules:
        top = module.split(".")[0]
        beside = script.path.parent / top
        if top in REPO_PACKAGES and not beside.is_dir() and not beside.with_suffix(".py").is_file():
            what = f"This step imports {module}, but Azure ML gets only the folder steps/."
            fix = "Move what the step needs into a module in steps/."
            problems.append(Problem(at, "MR403", what, fix))
    return problems


def _registering_problems(script: Script, call: ast.Call, imports: dict[str, str]) -> list[Problem]:
    dotted = full_name(call.func, imports)
    last = dotted.rpartition(".")[2]
    at = position(script, call)
    if last in _REGISTERING or any(keyword.arg == "registered_model_name" for keyword in call.keywords):
        what = f"{last} registers a model inside a step, which Azure ML's tracking server rejects."
        fix = (
            "Save it to an output: `mlflow.<flavor>.save_model(model, path)`, with a parameter "
            "`path: OutputModel` of the step. The factory registers it."
        )
        return [Problem(at, "MR405", what, fix)]
    if last == "autolog" and dotted.startswith("mlflow.") and not _is_false(call, "log_models"):
        what = "autolog also logs the model, which Azure ML's tracking server rejects."
        fix = "Write autolog(log_models=False), and save the model into an OutputModel."
        return [Problem(at, "MR406", what, fix, severity="warning")]
    return []


def _is_false(call: ast.Call, name: str) -> bool:
    values = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return any(isinstance(value, ast.Constant) and value.value is False for value in values)
