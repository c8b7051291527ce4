"""Kinds of mistakes that fit any pipeline, and harmless changes that look like them.

mutations.py breaks one base file by exact text. Here each kind is a pattern of keys and a change of the value
there, so that it applies to pipelines that nobody wrote for the test. `python -m tests.benchmarks broken`
prints how many are found, by kind.
"""

# ruff: noqa: E501 - one row per line reads as a table
from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

DROP = object()
Change = Callable[[Any], Any]
OPEN, CLOSE = "${" + "{", "}" + "}"


@dataclass(frozen=True)
class Kind:
    """Changes a value that ``pattern`` matches: keys with dots, `*` for any key, `job:` or `component:` first."""

    name: str
    pattern: str
    change: Change
    when: Callable[[Any], bool] = lambda _value: True

    def apply(self, content: dict[str, Any], chance: random.Random) -> dict[str, Any] | None:
        """A changed copy of ``content``; None if the kind does not fit it."""
        role, _, pattern = self.pattern.rpartition(":")
        if role and role != role_of(content):
            return None
        whole = {"": copy.deepcopy(content)}
        keys = ["", *pattern.split(".")] if pattern else [""]
        places = [(parent, key) for parent, key in _places(whole, keys) if self.when(parent[key])]
        if not places:
            return None
        parent, key = chance.choice(places)
        before = copy.deepcopy(parent[key])
        value = self.change(parent[key])
        if value is DROP:
            del parent[key]
        else:
            parent[key] = value
        return None if value is not DROP and value == before else whole[""]


def role_of(content: dict[str, Any]) -> str:
    """Whether the file is a job or a component."""
    if str(content.get("type")).lower() != "pipeline":
        return "component"
    inputs = content.get("inputs") or {}
    declares = all(
        isinstance(value, dict) and "type" in value and "path" not in value for value in inputs.values()
    )
    is_job = {"settings", "experiment_name", "compute"} & content.keys() or "pipelinejob" in str(
        content.get("$schema")
    ).lower()
    return "component" if not is_job and declares else "job"


def _places(node: Any, keys: list[str]) -> Iterator[tuple[Any, Any]]:
    if not isinstance(node, dict):
        return
    first, *rest = keys
    for key in list(node) if first == "*" else [first] if first in node else []:
        if rest:
            yield from _places(node[key], rest)
        else:
            yield node, key


# Changes


def to(value: Any) -> Change:
    """Another value."""
    return lambda _old: copy.deepcopy(value)


def drop(_old: Any) -> Any:
    """Remove the key."""
    return DROP


def with_(**keys: Any) -> Change:
    """Add keys to a mapping, mappings in it too."""

    def change(old: dict[str, Any]) -> dict[str, Any]:
        for key, value in copy.deepcopy(keys).items():
            known = old.get(key)
            old[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        return old

    return change


def only(**keys: Any) -> Change:
    """A mapping in place of what was there."""
    return to(keys)


def without(name: str) -> Change:
    def change(old: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in old.items() if key != name}

    return change


def renamed(name: str, new: str) -> Change:
    """The same mapping with another name for a key."""
    return lambda old: {(new if key == name else key): value for key, value in old.items()}


def first_renamed(change: Callable[[str], str]) -> Change:
    def rename(old: dict[str, Any]) -> dict[str, Any]:
        first = next(iter(old))
        return {(change(key) if key == first else key): value for key, value in old.items()}

    return rename


def text(change: Callable[[str], str]) -> Change:
    return lambda old: change(str(old))


def swap(pattern: str, new: str) -> Change:
    """Replace the first match in a text."""
    return lambda old: re.sub(pattern, new, str(old), count=1)


# Where a kind fits


def has(*names: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(name in value for name in names)


def local(step: Any) -> bool:
    """A step whose component is a file."""
    return (
        isinstance(step, dict)
        and isinstance(step.get("component"), str)
        and not step["component"].startswith("azureml:")
    )


def command_step(step: Any) -> bool:
    return (
        isinstance(step, dict)
        and step.get("type", "command") == "command"
        and bool({"command", "component"} & step.keys())
    )


def inline(step: Any) -> bool:
    return command_step(step) and "command" in step and "component" not in step


def is_of(kind: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and value.get("type") == kind


def matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.search(pattern, value) is not None


def both(*conditions: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: all(condition(value) for condition in conditions)


def local_with(*names: str) -> Callable[[Any], bool]:
    return both(local, lambda step: all(step.get(name) for name in names))


_INPUT = matches(r"^\$\{\{ *parent\.inputs\.\w+ *\}\}$")
_JOB_OUT = matches(r"^\$\{\{ *parent\.jobs\.\w+\.outputs\.\w+ *\}\}$")
_ASSET = matches(r"^azureml:[\w-]+:[\w.-]+$")
_USE = matches(r"\$\{\{ *inputs\.\w+ *\}\}")
_IN_BRACKETS = matches(r"\$\[\[")


def _letters(name: str) -> str:
    """Two letters swapped, a typical slip."""
    return f"{name[:-2]}{name[-1]}{name[-2]}" if len(name) > 3 and name[-1] != name[-2] else f"{name}x"


def _first_use(change: str) -> Change:
    return lambda old: re.sub(r"\$\{\{ *inputs\.(\w+) *\}\}", change, old, count=1)


def _twice(step_inputs: dict[str, Any]) -> dict[str, Any]:
    name, value = next(iter(step_inputs.items()))
    return {**step_inputs, f"{name}.more": value}


def _cycle(jobs: dict[str, Any]) -> dict[str, Any]:
    """Bind the first step to an output of a step that waits for it."""
    names = list(jobs)
    for later in names[1:]:
        found = re.search(r"\$\{\{ *parent\.jobs\.(\w+)\.outputs\.(\w+)", str(jobs[later].get("inputs")))
        if found and found[1] in jobs and jobs[found[1]].get("inputs") and jobs[later].get("outputs"):
            given = jobs[found[1]]["inputs"]
            given[next(iter(given))] = (
                f"{OPEN}parent.jobs.{later}.outputs.{next(iter(jobs[later]['outputs']))}{CLOSE}"
            )
            return jobs
    return jobs


def _itself(jobs: dict[str, Any]) -> dict[str, Any]:
    for name, step in jobs.items():
        if isinstance(step, dict) and step.get("inputs") and step.get("outputs"):
            step["inputs"][next(iter(step["inputs"]))] = (
                f"{OPEN}parent.jobs.{name}.outputs.{next(iter(step['outputs']))}{CLOSE}"
            )
            return jobs
    return jobs


def _two_writers(jobs: dict[str, Any]) -> dict[str, Any]:
    bound = [
        (step, name)
        for step in jobs.values()
        if isinstance(step, dict)
        for name, value in (step.get("outputs") or {}).items()
        if "parent.outputs" in str(value)
    ]
    if len(bound) > 1:
        bound[1][0]["outputs"][bound[1][1]] = bound[0][0]["outputs"][bound[0][1]]
    return jobs


def _first_and_last(job: dict[str, Any], first: str, last: str) -> dict[str, Any]:
    """Two more steps that nothing is bound to, and settings that name them."""
    alone = {"type": "command", "command": "echo", "environment": {"image": _IMAGE}, "compute": "azureml:c"}
    settings = {**job["settings"], "on_init": first, "on_finalize": last}
    return {**job, "settings": settings, "jobs": {**job["jobs"], "first": alone, "last": dict(alone)}}


_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
_CONDA = {"dependencies": ["python=3.12", "pip", {"pip": ["mlflow", "-r requirements.txt"]}]}
K = Kind

KEYS = (
    K("a typo in a key of the job", "job:", renamed("experiment_name", "experimentname"), has("experiment_name")),
    K("inputs in the singular", "job:", renamed("inputs", "input"), has("inputs")),
    K("outputs in the singular", "job:", renamed("outputs", "output"), has("outputs")),
    K("jobs in the singular", "", renamed("jobs", "job"), has("jobs")),
    K("steps instead of jobs", "", renamed("jobs", "steps"), has("jobs")),
    K("a typo in settings", "job:", renamed("settings", "setings"), has("settings")),
    K("an unknown setting", "job:settings", with_(default_computer="azureml:c")),
    K("a typo in default_compute", "job:settings", renamed("default_compute", "defualt_compute"), has("default_compute")),
    K("a capital letter in a key", "job:", renamed("inputs", "Inputs"), has("inputs")),
    K("no type", "job:", without("type"), has("type")),
    K("a typo in the type", "job:type", to("pipelin")),
    K("the type of another kind", "job:type", to("command")),
    K("a step without component and command", "jobs.*", without("component"), both(local, command_step)),
    K("a typo in component", "jobs.*", renamed("component", "componet"), local),
    K("a typo in inputs of a step", "jobs.*", renamed("inputs", "input"), local_with("inputs")),
    K("a typo in outputs of a step", "jobs.*", renamed("outputs", "output"), has("outputs")),
    K("a typo in the command of a step", "jobs.*", renamed("command", "comand"), inline),
    K("a typo in the environment of a step", "jobs.*", renamed("environment", "enviroment"), both(inline, has("environment"))),
    K("no environment in a step", "jobs.*", without("environment"), both(inline, has("environment"))),
    K("a typo in environment_variables", "jobs.*", with_(env_variables={"A": "b"}), command_step),
    K("a typo in the type of a step", "jobs.*.type", to("comand"), matches("^command$")),
    K("depends_on in a step", "jobs.*", with_(depends_on="prep"), command_step),
    K("a typo in compute of a step", "jobs.*", with_(computer="azureml:c"), command_step),
    K("a step that is null", "jobs.*", to(None)),
    K("a step that is a text", "jobs.*", to("./train.yml")),
    K("jobs as a list", "jobs", lambda old: [{name: step} for name, step in old.items()]),
    K("no steps", "jobs", to({})),
    K("inputs of a step as a list", "jobs.*.inputs", lambda old: [{name: value} for name, value in old.items()], bool),
    K("outputs of a step as a list", "jobs.*.outputs", lambda old: [{name: value} for name, value in old.items()], bool),
    K("inputs of the job as a text", "job:inputs", to("./data")),
    K("settings as a text", "job:settings", to("azureml:c")),
    K("tags as a list", "job:", with_(tags=["a", "b"])),
    K("a number for display_name", "job:", with_(display_name=5)),
    K("a list for description", "job:", with_(description=["a"])),
    K("a mapping for experiment_name", "job:", with_(experiment_name={"name": "x"})),
    K("a first step that does not exist", "job:settings", with_(on_init="no_such_step")),
    K("a last step that does not exist", "job:settings", with_(on_finalize="no_such_step")),
    K("a step that is the first and the last", "job:", lambda old: _first_and_last(old, "first", "first"), has("jobs", "settings")),
    K("the only steps are the first and the last", "job:", lambda old: _first_and_last({**old, "jobs": {}, "outputs": {}}, "first", "last"), has("jobs", "settings")),
    K("a datastore without a name", "job:settings", with_(default_datastore="azureml:")),
    K("a datastore with a version", "job:settings", with_(default_datastore="azureml:workspaceblobstore:1")),
    K("a text for continue_on_step_failure", "job:", with_(settings={"continue_on_step_failure": "maybe"})),
    K("a dash in a step's name", "jobs", first_renamed(lambda name: f"{name}-x")),
    K("a capital letter in a step's name", "jobs", first_renamed(str.capitalize), lambda jobs: next(iter(jobs))[:1].islower()),
    K("a blank in a step's name", "jobs", first_renamed(lambda name: f"{name} x")),
    K("a step's name that begins with a digit", "jobs", first_renamed(lambda name: f"1{name}")),
    K("an unknown key of a step's input", "jobs.*.inputs.*", with_(typ="uri_file"), has("path")),
    K("an unknown key of an input of the job", "job:inputs.*", with_(modus="ro_mount"), has("path")),
    K("an unknown mode of an input", "job:inputs.*", with_(mode="read"), has("path")),
    K("an unknown mode of an output", "job:outputs.*", with_(mode="write"), lambda value: isinstance(value, dict)),
    K("an unknown type of an input", "job:inputs.*", with_(type="uri_foldr"), has("path")),
    K("an unknown type of an output", "job:outputs.*", with_(type="folder"), has("type")),
    K("an output of the job as a text", "job:outputs.*", to("uri_folder")),
    K("a list as an input of a step", "jobs.*.inputs.*", to([1, 2]), lambda value: not isinstance(value, dict)),
    K("an empty input of a step", "jobs.*.inputs.*", to(None)),
    K("an empty input of the job", "job:inputs.*", to(None)),
    K("a literal with a type in the job", "job:inputs.*", lambda old: {"type": "integer", "value": old}, lambda value: isinstance(value, int)),
    K("jobs beside component", "job:", with_(component="./x.yml"), has("jobs")),
    K("an output's version without a name", "job:outputs.*", with_(version="1"), both(has("type"), lambda value: "name" not in value)),
    K("an output's name with blanks", "job:outputs.*", with_(name="my data"), has("type")),
    K("an output's name that is too long", "job:outputs.*", with_(name="a" * 256), has("type")),
    K("two inputs that differ only in case", "component:inputs", lambda old: {**old, next(iter(old)).upper(): next(iter(old.values()))}, lambda old: bool(old) and next(iter(old)).islower()),
)  # fmt: skip

COMPONENTS = (
    K("a component without a command", "component:", without("command"), has("command")),
    K("a typo in a component's command", "component:", renamed("command", "comand"), has("command")),
    K("a component without an environment", "component:", without("environment"), has("command", "environment")),
    K("a component without a type", "component:", without("type"), lambda value: value.get("type") == "pipeline"),
    K("a typo in a component's type", "component:type", to("comand")),
    K("an input without a type", "component:inputs.*", without("type"), has("type")),
    K("an input that is a text", "component:inputs.*", to("uri_folder")),
    K("an unknown type of a component's input", "component:inputs.*.type", to("int")),
    K("a type in capital letters", "component:inputs.*.type", text(str.upper)),
    K("an output without a type", "component:outputs.*", without("type"), has("type")),
    K("an unknown type of a component's output", "component:outputs.*.type", to("uri_fold")),
    K("an unknown key of a component's input", "component:inputs.*", with_(requried=True), has("type")),
    K("a text for optional", "component:inputs.*", with_(optional="sometimes"), has("type")),
    K("a default of the wrong type", "component:inputs.*", with_(default="many"), is_of("integer")),
    K("a default that is not a number", "component:inputs.*", with_(default="half"), is_of("number")),
    K("a default that is not a boolean", "component:inputs.*", with_(default="perhaps"), is_of("boolean")),
    K("a default that is a list", "component:inputs.*", with_(default=[1]), is_of("integer")),
    K("an empty default", "component:inputs.*", with_(default=None), is_of("string")),
    K("a default for data", "component:inputs.*", with_(default="./data"), is_of("uri_folder")),
    K("an empty enum", "component:inputs.*", with_(enum=[]), is_of("string")),
    K("an enum that is a text", "component:inputs.*", with_(enum="a, b"), is_of("string")),
    K("a default that is not in the enum", "component:inputs.*", with_(enum=["a", "b"], default="c"), is_of("string")),
    K("a minimum above the maximum", "component:inputs.*", with_(min=5, max=1), is_of("integer")),
    K("a minimum that is a text", "component:inputs.*", with_(min="low"), is_of("number")),
    K("a minimum for a text", "component:inputs.*", with_(min=1), is_of("string")),
    K("a default above the maximum", "component:inputs.*", with_(default=10, max=5), is_of("integer")),
    K("a minimum for data", "component:inputs.*", with_(min=1), is_of("uri_folder")),
    K("an enum for data", "component:inputs.*", with_(enum=["a"]), is_of("uri_folder")),
    K("a dash in the name of an input", "component:inputs", first_renamed(lambda name: f"{name}-x"), bool),
    K("code of the workspace without a version", "component:code", to("azureml:my-code"), matches(r"^\.")),
    K("code that does not exist", "component:code", to("./no_such_folder"), matches(r"^\.")),
    K("an additional include that does not exist", "component:", with_(additional_includes=["../no_such_folder"]), has("command")),
    K("additional_includes as a text", "component:", with_(additional_includes="../shared"), has("command")),
    K("a typo in is_deterministic", "component:", with_(is_determinstic=False), has("command")),
    K("a text for is_deterministic", "component:", with_(is_deterministic="sometimes"), has("command")),
    K("a command that is a list", "component:command", lambda old: [old]),
    K("an empty command", "component:command", to("")),
    K("inputs as a list", "component:inputs", lambda old: [{name: value} for name, value in old.items()], bool),
)  # fmt: skip

REFERENCES = (
    K("a component that does not exist", "jobs.*.component", swap(r"(\w+)\.ya?ml$", r"\1_2.yml"), matches(r"ya?ml$")),
    K("a folder that does not exist before a component", "jobs.*.component", text(lambda old: f"./no/such/{old}"), matches(r"ya?ml$")),
    K("a component with backslashes", "jobs.*.component", text(lambda old: old.replace("/", "\\")), matches(r"^\./.+/.+ya?ml$")),
    K("a component's name in place of a path", "jobs.*.component", to("train_model"), matches(r"ya?ml$")),
    K("a registered component without a version", "jobs.*.component", to("azureml:train_model"), matches(".")),
    K("a registered component with an empty version", "jobs.*.component", to("azureml:train_model:"), matches(".")),
    K("a registered component with an empty label", "jobs.*.component", to("azureml:train_model@"), matches(".")),
    K("a registered component with two versions", "jobs.*.component", to("azureml:train_model:1:2"), matches(".")),
    K("a registered component with version and label", "jobs.*.component", to("azureml:train_model:1@latest"), matches(".")),
    K("a typo in azureml", "jobs.*.component", to("azurml:train_model:1"), matches(".")),
    K("a registered component with two colons", "jobs.*.component", to("azureml::train_model:1"), matches(".")),
    K("a registry's component without a version", "jobs.*.component", to("azureml://registries/azureml/components/train"), matches(".")),
    K("a typo in registries", "jobs.*.component", to("azureml://registry/azureml/components/train/versions/1"), matches(".")),
    K("one slash after azureml:", "jobs.*.component", to("azureml:/registries/azureml/components/train/versions/1"), matches(".")),
    K("an environment as a registry's component", "jobs.*.component", to("azureml://registries/azureml/environments/x/versions/1"), matches(".")),
    K("an empty registry", "jobs.*.component", to("azureml://registries//components/train/versions/1"), matches(".")),
    K("an empty component", "jobs.*.component", to(""), matches(".")),
    K("an unknown label", "jobs.*.component", to("azureml:train_model@lastest"), matches(".")),
    K("a component that is a number", "jobs.*.component", to(5), matches(".")),
    K("a file that is not a component", "jobs.*.component", to("./pipeline.yml"), matches(r"ya?ml$")),
    K("the wrong type of a step", "jobs.*", with_(type="pipeline"), both(local, is_of("command"))),
    K("an environment without azureml:", "component:environment", to("my-env:1"), lambda _: True),
    K("an environment without a version", "component:environment", to("azureml:my-env"), lambda _: True),
    K("an environment with an empty version", "component:environment", to("azureml:my-env:"), lambda _: True),
    K("an environment with an empty label", "component:environment", to("azureml:my-env@"), lambda _: True),
    K("an environment that is nothing but azureml:", "component:environment", to("azureml:"), lambda _: True),
    K("an environment with a typo in azureml", "component:environment", to("azuremel:my-env:1"), lambda _: True),
    K("a registry's environment without a version", "component:environment", to("azureml://registries/azureml/environments/sklearn-1.5"), lambda _: True),
    K("a component as a registry's environment", "component:environment", to("azureml://registries/azureml/components/x/versions/1"), lambda _: True),
    K("an environment with blanks", "component:environment", to("azureml:my env:1"), lambda _: True),
    K("an inline step's environment without a version", "jobs.*", with_(environment="azureml:my-env"), inline),
    K("data without a version", "job:inputs.*.path", to("azureml:my-data"), lambda _: True),
    K("data with an empty version", "job:inputs.*.path", to("azureml:my-data:"), lambda _: True),
    K("data with version and label", "job:inputs.*.path", to("azureml:my-data:1@latest"), lambda _: True),
    K("a datastore's path without paths", "job:inputs.*.path", to("azureml://datastores/workspaceblobstore/data/raw.csv"), lambda _: True),
    K("a typo in datastores", "job:inputs.*.path", to("azureml://datastore/workspaceblobstore/paths/raw.csv"), lambda _: True),
    K("an empty datastore", "job:inputs.*.path", to("azureml://datastores//paths/raw.csv"), lambda _: True),
    K("one slash before datastores", "job:inputs.*.path", to("azureml:/datastores/workspaceblobstore/paths/raw.csv"), lambda _: True),
    K("a typo in the scheme", "job:inputs.*.path", to("htps://example.org/raw.csv"), lambda _: True),
    K("an address without a host", "job:inputs.*.path", to("https:///raw.csv"), lambda _: True),
    K("a path that does not exist", "job:inputs.*.path", to("./no/such/data.csv"), lambda _: True),
    K("an empty path", "job:inputs.*.path", to(""), lambda _: True),
    K("a path that is a number", "job:inputs.*.path", to(5), lambda _: True),
    K("a compute without a name", "job:", with_(settings={"default_compute": "azureml:"})),
    K("a compute without azureml:", "job:", with_(settings={"default_compute": "cpu-cluster"})),
    K("compute: local", "job:", with_(settings={"default_compute": "local"})),
    K("compute: azureml:local", "job:", with_(settings={"default_compute": "azureml:local"})),
    K("a step with compute: local", "jobs.*", with_(compute="local"), command_step),
    K("an empty compute of a step", "jobs.*", with_(compute=""), command_step),
    K("a compute with blanks", "jobs.*", with_(compute="azureml:my cluster"), command_step),
    K("a compute with a version", "jobs.*", with_(compute="azureml:cluster:1"), command_step),
    K("a datastore without azureml:", "job:", with_(settings={"default_datastore": "workspaceblobstore"})),
)  # fmt: skip

WIRING = (
    K("a step's input with swapped letters", "jobs.*", lambda old: {**old, "inputs": first_renamed(_letters)(old["inputs"])}, local_with("inputs")),
    K("a step's output with swapped letters", "jobs.*", lambda old: {**old, "outputs": first_renamed(_letters)(old["outputs"])}, local_with("outputs")),
    K("an unknown input of a step", "jobs.*", with_(inputs={"no_such_input": 1}), local_with("inputs")),
    K("a binding to an unknown input", "jobs.*.inputs.*", swap(r"inputs\.(\w+)", r"inputs.\1_2"), _INPUT),
    K("a binding to an unknown step", "jobs.*.inputs.*", swap(r"jobs\.(\w+)", r"jobs.\1_2"), _JOB_OUT),
    K("a binding to input", "jobs.*.inputs.*", swap("inputs", "input"), _INPUT),
    K("a binding to output", "jobs.*.inputs.*", swap("outputs", "output"), _JOB_OUT),
    K("a binding to job", "jobs.*.inputs.*", swap("jobs", "job"), _JOB_OUT),
    K("a binding without parent", "jobs.*.inputs.*", swap(r"parent\.", ""), _INPUT),
    K("a binding to a step without parent", "jobs.*.inputs.*", swap(r"parent\.", ""), _JOB_OUT),
    K("a typo in parent", "jobs.*.inputs.*", swap("parent", "parnet"), _INPUT),
    K("a binding without jobs", "jobs.*.inputs.*", swap(r"jobs\.", ""), _JOB_OUT),
    K("a binding without outputs", "jobs.*.inputs.*", swap(r"\.outputs", ""), _JOB_OUT),
    K("a binding without the output's name", "jobs.*.inputs.*", swap(r"\.outputs\.\w+", ".outputs"), _JOB_OUT),
    K("a binding that ends with a dot", "jobs.*.inputs.*", swap(r"(inputs\.)\w+", r"\1"), _INPUT),
    K("a binding with two dots", "jobs.*.inputs.*", swap(r"parent\.", "parent.."), _INPUT),
    K("a binding with an empty step", "jobs.*.inputs.*", swap(r"jobs\.\w+", "jobs."), _JOB_OUT),
    K("an empty binding", "jobs.*.inputs.*", to("${" + "{}}"), _INPUT),
    K("a binding with one brace", "jobs.*.inputs.*", swap(r"\$\{\{ *(\S+) *\}\}", r"${\1}"), _INPUT),
    K("a binding without the dollar", "jobs.*.inputs.*", text(lambda old: old.removeprefix("$")), _INPUT),
    K("a binding that is not closed", "jobs.*.inputs.*", text(lambda old: old[:-1]), _INPUT),
    K("a binding that is not closed at all", "jobs.*.inputs.*", text(lambda old: old[:-2]), _JOB_OUT),
    K("a binding with a blank inside", "jobs.*.inputs.*", swap(r"parent\.", "parent. "), _INPUT),
    K("a binding with square brackets", "jobs.*.inputs.*", swap(r"\$\{\{ *(\S+?) *\}\}", r"$[[\1]]"), _INPUT),
    K("a binding in a shell's form", "jobs.*.inputs.*", swap(r"\$\{\{ *(\S+?) *\}\}", r"$(\1)"), _INPUT),
    K("a binding that is plain text", "jobs.*.inputs.*", swap(r"\$\{\{ *(\S+?) *\}\}", r"\1"), _INPUT),
    K("an input bound to the job's output", "jobs.*.inputs.*", swap("parent.inputs", "parent.outputs"), _INPUT),
    K("an output bound to an unknown output", "jobs.*.outputs.*", swap(r"outputs\.(\w+)", r"outputs.\1_2"), matches("parent.outputs")),
    K("an output bound to an input", "jobs.*.outputs.*", swap("parent.outputs", "parent.inputs"), matches("parent.outputs")),
    K("an output bound to plain text", "jobs.*.outputs.*", to("./out"), matches("parent.outputs")),
    K("an output bound with one brace", "jobs.*.outputs.*", swap(r"\$\{\{ *(\S+?) *\}\}", r"${\1}"), matches("parent.outputs")),
    K("a cycle of two steps", "jobs", _cycle),
    K("a step that waits for itself", "jobs", _itself),
    K("two writers of one output", "jobs", _two_writers),
    K("an output that nobody writes", "job:", with_(outputs={"no_such_output": {"type": "uri_folder"}}), has("outputs", "jobs")),
    K("an input beside its own group", "jobs.*.inputs", _twice, bool),
    K("an input of the job beside its own group", "job:inputs", _twice, bool),
    K("an expression in an input of the job", "job:inputs.*", to("${" + "{parent.inputs.other}}"), lambda value: not isinstance(value, dict)),
    K("an input of the job that is bound and missing", "job:inputs", lambda old: dict(list(old.items())[1:]), lambda old: bool(old) and isinstance(next(iter(old.values())), dict)),
)  # fmt: skip

COMMANDS = (
    K("a backtick that is not closed", "component:command", text(lambda old: f"{old.rstrip()} && echo `date"), matches("python")),
    K("a brace that is not closed", "component:command", text(lambda old: f"{old.rstrip()} && echo ${{HOME"), matches("python")),
    K("a subshell that is not closed", "component:command", text(lambda old: f"({old.rstrip()} && ls"), matches("^python")),
    K("an operator twice", "component:command", text(lambda old: f"ls && && {old}"), matches("^python")),
    K("an operator at the beginning", "component:command", text(lambda old: f"&& {old}"), matches("^python")),
    K("a line that begins with an operator", "component:command", text(lambda old: f"mkdir x\n&& {old}"), matches("^python")),
    K("an if without an end", "component:command", text(lambda old: f"if true; then {old}"), matches("^python")),
    K("a loop without an end", "component:command", text(lambda old: f"for i in 1 2; do {old}"), matches("^python")),
    K("an end without a loop", "component:command", text(lambda old: f"{old.rstrip()}; done"), matches("^python")),
    K("an undeclared input in a command", "component:command", _first_use("${" + "{inputs.no_such_input}}"), _USE),
    K("an undeclared output in a command", "component:command", _first_use("${" + "{outputs.no_such_output}}"), _USE),
    K("an input with swapped letters in a command", "component:command", lambda old: re.sub(r"inputs\.(\w+)", lambda found: f"inputs.{_letters(found[1])}", old, count=1), _USE),
    K("a command with input", "component:command", _first_use(r"${" + r"{input.\1}}"), _USE),
    K("a command with a pipeline's expression", "component:command", _first_use(r"${" + r"{parent.inputs.\1}}"), _USE),
    K("a command with a bare name", "component:command", _first_use(r"${" + r"{\1}}"), _USE),
    K("a command with one brace", "component:command", _first_use(r"${inputs.\1}"), _USE),
    K("a command without the dollar", "component:command", _first_use(r"{{inputs.\1}}"), _USE),
    K("a command with an expression that is not closed", "component:command", _first_use(r"${" + r"{inputs.\1}"), _USE),
    K("a command with an empty expression", "component:command", _first_use("${" + "{}}"), _USE),
    K("a command with an expression that ends with a dot", "component:command", _first_use("${" + "{inputs.}}"), _USE),
    K("a command with two dots", "component:command", _first_use(r"${" + r"{inputs..\1}}"), _USE),
    K("a command with a shell's form", "component:command", _first_use(r"$(inputs.\1)"), _USE),
    K("a command with $inputs", "component:command", _first_use(r"$inputs.\1"), _USE),
    K("a command with three braces", "component:command", _first_use(r"${" + r"{{inputs.\1}}}"), _USE),
    K("a command with square brackets in an expression", "component:command", _first_use(r"${" + r"{inputs['\1']}}"), _USE),
    K("a $[[ that is not closed", "component:command", text(lambda old: old.replace("]]", "]", 1)), _IN_BRACKETS),
    K("brackets without a dollar", "component:command", text(lambda old: old.replace("$[[", "[[", 1)), _IN_BRACKETS),
    K("optional inputs outside brackets", "component:command", text(lambda old: old.replace("$[[", "", 1).replace("]]", "", 1)), _IN_BRACKETS),
    K("a double quote that is not closed", "component:command", text(lambda old: f'{old.rstrip()} --note "a b'), matches("python")),
    K("a single quote that is not closed", "component:command", text(lambda old: f"{old.rstrip()} --note 'a b"), matches("python")),
    K("a quote around an expression that is not closed", "component:command", _first_use(r'"${' + r"{inputs.\1}}"), both(_USE, lambda value: '"' not in value)),
    K("a script with a typo", "component:command", swap(r"(\w+)\.py", r"\1_2.py"), matches(r"^python \w+\.py")),
    K("a script in a folder with backslashes", "component:command", swap(r"python (\w+\.py)", r"python src\\\1"), matches(r"^python \w+\.py")),
    K("a command that ends with a pipe", "component:command", text(lambda old: f"{old.rstrip()} |"), matches("python")),
    K("a command that ends with &&", "component:command", text(lambda old: f"{old.rstrip()} &&"), matches("python")),
    K("a parenthesis that is not closed", "component:command", text(lambda old: f"{old.rstrip()} $(date"), matches("python")),
    K("an inline command with an undeclared input", "jobs.*.command", text(lambda old: f"{old.rstrip()} ${{{{inputs.no_such_input}}}}"), matches(".")),
    K("an inline command with a pipeline's expression", "jobs.*.command", text(lambda old: f"{old.rstrip()} ${{{{parent.inputs.x}}}}"), matches(".")),
    K("an inline command with one brace", "jobs.*.command", text(lambda old: f"{old.rstrip()} ${{inputs.x}}"), matches(".")),
    K("an inline command with an open quote", "jobs.*.command", text(lambda old: f'{old.rstrip()} "'), matches(".")),
    K("an empty inline command", "jobs.*.command", to(" "), matches(".")),
)  # fmt: skip

ENVIRONMENTS = (
    K("an image together with build", "component:environment", only(image=_IMAGE, build={"path": "."})),
    K("conda without an image", "component:environment", only(conda_file=_CONDA)),
    K("conda together with build", "component:environment", only(build={"path": "."}, conda_file=_CONDA)),
    K("an empty environment", "component:environment", to({})),
    K("an environment without image and build", "component:environment", only(name="my-env", version="1")),
    K("a build without a path", "component:environment", only(build={"dockerfile_path": "Dockerfile"})),
    K("an empty build", "component:environment", only(build={})),
    K("a build context that does not exist", "component:environment", only(build={"path": "./no_such_folder"})),
    K("a conda file that does not exist", "component:environment", only(image=_IMAGE, conda_file="./no_such.yml")),
    K("an empty image", "component:environment", only(image="")),
    K("an image with blanks", "component:environment", only(image="my image:1")),
    K("an image with a scheme", "component:environment", only(image=f"https://{_IMAGE}")),
    K("an image in capital letters", "component:environment", only(image="mcr.microsoft.com/AzureML/Base:1")),
    K("an image with an empty tag", "component:environment", only(image="python:")),
    K("an image that is a list", "component:environment", only(image=[_IMAGE])),
    K("an image that is null", "component:environment", only(image=None)),
    K("a typo in image", "component:environment", only(imgae=_IMAGE)),
    K("a typo in conda_file", "component:environment", only(image=_IMAGE, conda=_CONDA)),
    K("a conda file's content as the environment", "component:environment", to(_CONDA)),
    K("a conda file that is a list", "component:environment", only(image=_IMAGE, conda_file=["python=3.12"])),
    K("dependencies that are a text", "component:environment", only(image=_IMAGE, conda_file={"dependencies": "python"})),
    K("an empty dependency", "component:environment", only(image=_IMAGE, conda_file={"dependencies": ["python=3.12", None]})),
    K("a number as a dependency", "component:environment", only(image=_IMAGE, conda_file={"dependencies": [3.12]})),
    K("pip with a text", "component:environment", only(image=_IMAGE, conda_file={"dependencies": ["pip", {"pip": "requests"}]})),
    K("an empty line below pip", "component:environment", only(image=_IMAGE, conda_file={"dependencies": ["pip", {"pip": ["requests", None]}]})),
    K("an unknown installer", "component:environment", only(image=_IMAGE, conda_file={"dependencies": ["pip", {"uv": ["requests"]}]})),
    K("dependencies with a typo", "component:environment", only(image=_IMAGE, conda_file={"dependancies": ["python=3.12"]})),
    K("an unknown os_type", "component:environment", only(image=_IMAGE, os_type="macos")),
    K("a list as environment", "component:environment", to(["azureml:e:1"])),
    K("an inline step's environment that is empty", "jobs.*", with_(environment={}), inline),
    K("an inline step's image together with build", "jobs.*", lambda old: {**old, "environment": {"image": _IMAGE, "build": {"path": "."}}}, inline),
)  # fmt: skip

SETTINGS = (
    K("a negative timeout", "jobs.*", with_(limits={"timeout": -5}), command_step),
    K("a timeout of zero", "jobs.*", with_(limits={"timeout": 0}), command_step),
    K("a timeout in words", "jobs.*", with_(limits={"timeout": "2h"}), command_step),
    K("an unknown limit", "jobs.*", with_(limits={"time_out": 60}), command_step),
    K("limits that are a number", "jobs.*", with_(limits=60), command_step),
    K("zero instances", "jobs.*", with_(resources={"instance_count": 0}), command_step),
    K("a negative number of instances", "jobs.*", with_(resources={"instance_count": -1}), command_step),
    K("a number of instances in words", "jobs.*", with_(resources={"instance_count": "two"}), command_step),
    K("half an instance", "jobs.*", with_(resources={"instance_count": 1.5}), command_step),
    K("an unknown key of resources", "jobs.*", with_(resources={"instances": 2}), command_step),
    K("a malformed shm_size", "jobs.*", with_(resources={"shm_size": "two gigabytes"}), command_step),
    K("an unknown distribution", "jobs.*", with_(distribution={"type": "horovod"}), command_step),
    K("a distribution without a type", "jobs.*", lambda old: {**old, "distribution": {"process_count_per_instance": 1}}, command_step),
    K("zero processes", "jobs.*", lambda old: {**old, "distribution": {"type": "pytorch", "process_count_per_instance": 0}}, command_step),
    K("a key of another distribution", "jobs.*", lambda old: {**old, "distribution": {"type": "mpi", "worker_count": 2}}, command_step),
    K("a negative number of workers", "jobs.*", lambda old: {**old, "distribution": {"type": "tensorflow", "worker_count": -2}}, command_step),
    K("a mapping as an environment variable", "jobs.*", with_(environment_variables={"A": {"b": "c"}}), command_step),
    K("a list as an environment variable", "jobs.*", with_(environment_variables={"A": ["b"]}), command_step),
    K("a list of environment variables", "jobs.*", with_(environment_variables=["A=b"]), command_step),
    K("a text of environment variables", "jobs.*", with_(environment_variables="A=b"), command_step),
    K("an environment variable with a blank in its name", "jobs.*", with_(environment_variables={"MY VAR": "b"}), command_step),
    K("an unknown service", "jobs.*", with_(services={"my": {"type": "jupyter"}}), command_step),
    K("a service with a typo", "jobs.*", with_(services={"my": {"type": "vscode"}}), command_step),
    K("a service with unknown nodes", "jobs.*", with_(services={"my": {"type": "ssh", "nodes": "some"}}), command_step),
    K("a service's port in words", "jobs.*", with_(services={"my": {"type": "ssh", "port": "many"}}), command_step),
    K("an unknown identity", "jobs.*", with_(identity={"type": "somebody"}), command_step),
    K("an identity as a text", "jobs.*", with_(identity="managed"), command_step),
    K("an unknown tier", "jobs.*", with_(queue_settings={"job_tier": "gold"}), command_step),
    K("an unknown key of queue_settings", "jobs.*", with_(queue_settings={"tier": "spot"}), command_step),
    K("zero instances of a component", "component:", with_(resources={"instance_count": 0}), has("command")),
    K("an instance type that is a list", "component:", with_(resources={"instance_type": [1]}), has("command")),
)  # fmt: skip

OTHER_STEPS = (
    K("a sweep without an objective", "jobs.*", without("objective"), is_of("sweep")),
    K("a sweep without limits", "jobs.*", without("limits"), both(is_of("sweep"), has("limits"))),
    K("a sweep without a trial", "jobs.*", without("trial"), is_of("sweep")),
    K("a sweep without a search space", "jobs.*", without("search_space"), is_of("sweep")),
    K("an unknown goal", "jobs.*", with_(objective={"goal": "maximum"}), is_of("sweep")),
    K("an unknown sampling algorithm", "jobs.*", with_(sampling_algorithm="bayes"), is_of("sweep")),
    K("an unknown distribution of a search space", "jobs.*.search_space.*", with_(type="gauss")),
    K("a search space without limits", "jobs.*.search_space.*", to({"type": "uniform"})),
    K("a choice without values", "jobs.*.search_space.*", to({"type": "choice"})),
    K("a minimum above the maximum in a search space", "jobs.*.search_space.*", to({"type": "uniform", "min_value": 2, "max_value": 1})),
    K("a negative number of trials", "jobs.*", with_(limits={"max_total_trials": -1}), is_of("sweep")),
    K("an unknown limit of a sweep", "jobs.*", with_(limits={"max_trials": 10}), is_of("sweep")),
    K("an unknown early termination", "jobs.*", lambda old: {**old, "early_termination": {"type": "patience"}}, is_of("sweep")),
    K("a trial that does not exist", "jobs.*", with_(trial="./no_such.yml"), is_of("sweep")),
    K("a parallel step without a task", "jobs.*", without("task"), both(is_of("parallel"), has("task"))),
    K("an unknown task of a parallel step", "jobs.*", with_(task={"type": "function_run"}), both(is_of("parallel"), has("task"))),
    K("a parallel step without input_data", "jobs.*", without("input_data"), both(is_of("parallel"), has("input_data"))),
    K("a mini-batch that is a mapping", "jobs.*", with_(mini_batch_size={"size": 1}), is_of("parallel")),
    K("negative concurrency of a parallel step", "jobs.*", with_(max_concurrency_per_instance=-1), is_of("parallel")),
    K("an unknown logging level", "jobs.*", with_(logging_level="LOUD"), is_of("parallel")),
    K("a parallel step's undeclared input_data", "jobs.*", with_(input_data="${" + "{inputs.no_such_input}}"), both(is_of("parallel"), has("task"))),
    K("a parallel step's code that does not exist", "jobs.*", with_(task={"code": "./no_such_folder"}), both(is_of("parallel"), has("task"))),
    K("a Spark step without compute and resources", "jobs.*", lambda old: {key: value for key, value in old.items() if key not in {"compute", "resources"}}, is_of("spark")),
    K("a Spark step with compute and resources", "jobs.*", with_(compute="azureml:c", resources={"instance_type": "standard_e4s_v3", "runtime_version": "3.4"}), is_of("spark")),
    K("an AutoML step without a task", "jobs.*", without("task"), is_of("automl")),
    K("an unknown task of AutoML", "jobs.*", with_(task="classify"), is_of("automl")),
    K("an unknown metric of AutoML", "jobs.*", with_(primary_metric="goodness"), is_of("automl")),
    K("an AutoML step without training data", "jobs.*", without("training_data"), is_of("automl")),
    K("an AutoML step without a target", "jobs.*", without("target_column_name"), both(is_of("automl"), has("target_column_name"), lambda step: step["task"] != "text_ner")),
    K("a mini-batch in words", "jobs.*", with_(mini_batch_size="ten"), is_of("parallel")),
    K("an entry script that does not exist", "jobs.*", with_(task={"entry_script": "no_such.py"}), both(is_of("parallel"), has("task"))),
    K("rows appended to an unknown output", "jobs.*", with_(task={"append_row_to": "${" + "{outputs.no_such}}"}), both(is_of("parallel"), has("task"))),
    K("arguments with a typo in inputs", "jobs.*", with_(task={"program_arguments": "--a ${" + "{input.a}}"}), both(is_of("parallel"), has("task"))),
    K("a Spark script that does not exist", "component:entry.file", to("no_such.py"), lambda _: True),
    K("cores of Spark in words", "component:conf", with_(**{"spark.driver.cores": "two"}), lambda _: True),
    K("memory of Spark in words", "component:conf", with_(**{"spark.executor.memory": "two"}), lambda _: True),
    K("an unknown task of a data transfer", "jobs.*", with_(task="copy"), is_of("data_transfer")),
    K("an unknown copy mode of a data transfer", "jobs.*", with_(data_copy_mode="overwrite"), is_of("data_transfer")),
    K("an unknown key of an import's source", "jobs.*.source", with_(conection="azureml:c"), lambda _: True),
    K("a switch of AutoML that is a word", "jobs.*", with_(training={"enable_stack_ensemble": "maybe"}), is_of("automl")),
    K("a binding to an unknown input in another step", "jobs.*", with_(inputs={"x": "${" + "{parent.inputs.no_such_input}}"}), lambda step: isinstance(step, dict) and step.get("type") in {"sweep", "parallel", "spark"}),
)  # fmt: skip

AREAS: dict[str, tuple[Kind, ...]] = {
    "keys": KEYS,
    "components": COMPONENTS,
    "references": REFERENCES,
    "wiring": WIRING,
    "commands": COMMANDS,
    "environments": ENVIRONMENTS,
    "settings": SETTINGS,
    "other steps": OTHER_STEPS,
}
KINDS = tuple(kind for area in AREAS.values() for kind in area)

HARMLESS = (
    K("a description", "job:", with_(description="Trains the model: all of it.")),
    K("a tag without a value", "job:", with_(tags={"team": None})),
    K("a property", "job:", with_(properties={"a": "b"})),
    K("a timeout", "jobs.*", with_(limits={"timeout": 3600}), command_step),
    K("a timeout from an input", "jobs.*", with_(limits={"timeout": "3600"}), command_step),
    K("two instances", "jobs.*", with_(resources={"instance_count": 2}), command_step),
    K("shared memory", "jobs.*", with_(resources={"shm_size": "2g"}), command_step),
    K("a distribution", "jobs.*", lambda old: {**old, "distribution": {"type": "pytorch", "process_count_per_instance": 2}}, command_step),
    K("environment variables of all types", "jobs.*", with_(environment_variables={"A": "b", "N": 1, "T": True, "E": None}), command_step),
    K("a service", "jobs.*", with_(services={"my": {"type": "jupyter_lab"}}), command_step),
    K("a service for all nodes", "jobs.*", with_(services={"my": {"type": "ssh", "nodes": "all", "ssh_public_keys": "ssh-rsa AAAA"}}), command_step),
    K("an identity", "jobs.*", with_(identity={"type": "user_identity"}), command_step),
    K("a queue", "jobs.*", with_(queue_settings={"job_tier": "spot"}), command_step),
    K("a step's display name", "jobs.*", with_(display_name="Step 1"), lambda step: isinstance(step, dict) and "component" in step),
    K("a compute of its own", "jobs.*", with_(compute="azureml:gpu-cluster"), command_step),
    K("a first and a last step", "job:", lambda old: _first_and_last(old, "first", "last"), has("jobs", "settings")),
    K("serverless", "job:", with_(settings={"default_compute": "azureml:serverless"})),
    K("blanks in a binding", "jobs.*.inputs.*", swap(r"\$\{\{ *(\S+?) *\}\}", r"${" + r"{  \1  }}"), matches(r"^\$\{\{")),
    K("an image", "component:environment", only(image=_IMAGE)),
    K("an image with conda", "component:environment", only(image=_IMAGE, conda_file=_CONDA)),
    K("an image of the hub with a tag in capitals", "component:environment", only(image="python:3.12-Slim_1")),
    K("an image of a server with a port", "component:environment", only(image="Localhost:5000/a/b__c.d-e")),
    K("an image that is filled in later", "component:environment", only(image="<REGISTRY>/{{NAME}}:1")),
    K("an image with a digest", "component:environment", only(image="ghcr.io/a/b@sha256:" + "0" * 64)),
    K("a build context", "component:environment", only(build={"path": "."})),
    K("a registry's environment", "component:environment", to("azureml://registries/azureml/environments/sklearn-1.5/versions/3")),
    K("a registry's environment by label", "component:environment", to("azureml://registries/azureml/environments/sklearn-1.5/labels/latest")),
    K("a curated environment", "component:environment", to("azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest")),
    K("a curated environment without a version", "component:environment", to("azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu")),
    K("an environment by its whole id", "component:environment", to("azureml:/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/environments/e/versions/1")),
    K("a datastore's path", "job:inputs.*.path", to("azureml://datastores/workspaceblobstore/paths/data/raw.csv")),
    K("a datastore's root", "job:inputs.*.path", to("azureml://datastores/workspaceblobstore/paths/")),
    K("a datastore by its whole address", "job:inputs.*.path", to("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/x")),
    K("code of the workspace", "component:code", to("azureml:my-code:1"), matches(r"^\.")),
    K("a web address", "job:inputs.*.path", to("https://example.org/a%20b.csv?x=1")),
    K("a registry's data", "job:inputs.*.path", to("azureml://registries/azureml/data/x/versions/1")),
    K("data of the workspace", "job:inputs.*.path", to("azureml:my-data:1")),
    K("an output as a data asset", "job:outputs.*", with_(name="my-data_1", version="1"), has("type")),
    K("an enum", "component:inputs.*", to({"type": "string", "enum": ["a", "b"], "optional": True}), lambda value: isinstance(value, dict) and value.get("optional") is True and value.get("type") == "string"),
    K("quotes in a command", "component:command", text(lambda old: f"""{old.rstrip()} && echo "it's done" 'he said "x"' \\" $(date +"%d")"""), matches("python")),
    K("a loop, a test and a subshell", "component:command", text(lambda old: f"for i in if fi; do (echo $i); done\nif [ -d x ] || ! ls; then\n  echo done; else echo if\nfi\ncase $1 in a) echo b;; (c|d) ls;; esac\n{old}"), matches("^python")),
    K("a function, backticks and a here-string", "component:command", text(lambda old: f'f() {{ echo "`date +"%d"`" | tee x |& cat; }}\nread -r x <<< "a b"\nwhile read l; do echo $l; done < x &\nwait; echo "$(ls | wc -l)" 2>&1 && \\\n  f\n{old}'), matches("^python")),
    K("a comment in a command", "component:command", text(lambda old: f"# don't stop\nset -e\n{old}"), matches("python")),
    K("a here-document in a command", "component:command", text(lambda old: f"cat <<'END' > note.txt\nit's\nEND\n{old}"), matches("^python")),
    K("a shell's own variables", "component:command", text(lambda old: f"{old.rstrip()} && echo ${{HOME}} $PATH ${{X:-1}} $((1+2))"), matches("python")),
    K("an array of bash in a command", "component:command", text(lambda old: f'list=(a b)\necho "${{list[@]}}" "${{#list[*]}}"\n{old}'), matches("^python")),
    K("a compute whose name begins with local", "job:", with_(settings={"default_compute": "azureml:local-gpu"})),
    K("is_deterministic", "component:", with_(is_deterministic=False), has("command")),
)  # fmt: skip
