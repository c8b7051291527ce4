"""Ways to break the valid pipeline in data/base, each with the rule and the line that must be reported.

Every entry is a mistake that people make. `python -m tests.unit.pipeline.compare_azure` shows the same table
with azure-ai-ml's result for each.
"""

# ruff: noqa: E501 - one row per line reads as a table
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BASE = Path(__file__).parent / "data" / "base"
PIPELINE, PREP, TRAIN, JUDGE, SCORE = (
    "pipeline.yml",
    "components/prep.yml",
    "components/train.yml",
    "components/judge.yml",
    "components/score.yml",
)


@dataclass(frozen=True)
class Mutation:
    """Replaces ``old`` with ``new`` in ``file``; ``code`` must be reported at the first line with ``at``."""

    title: str
    file: str
    old: str
    new: str
    code: str
    at: str
    severity: str = "error"
    at_file: str = ""
    """The file that holds ``at``, if not ``file``."""

    @property
    def named(self) -> str:
        """The file that the problem must name."""
        return self.at_file or self.file

    def apply(self, folder: Path) -> None:
        """Break the copy of the base in ``folder``."""
        path = folder / self.file
        text = path.read_text(encoding="utf-8")
        assert self.old in text, f"{self.title}: {self.file} does not hold {self.old!r}"
        path.write_text(text.replace(self.old, self.new, 1), encoding="utf-8")

    def line(self, folder: Path) -> int:
        """The line that the problem must name, in the changed file."""
        lines = (folder / self.named).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, start=1) if self.at in line)


@dataclass(frozen=True)
class Damage:
    """A mistake that is not a text edit. The rule ``code`` must be reported at ``line`` of ``file``."""

    title: str
    file: str
    do: Callable[[Path], None]
    code: str
    at_line: int
    severity: str = "error"

    @property
    def named(self) -> str:
        """The file that the problem must name."""
        return self.file

    def apply(self, folder: Path) -> None:
        """Break the copy of the base in ``folder``."""
        self.do(folder)

    def line(self, _folder: Path) -> int:
        """The line that the problem must name."""
        return self.at_line


M = Mutation

_ARGPARSE = """import argparse
parser = argparse.ArgumentParser()
for_all = parser.add_argument_group("all")
for_all.add_argument("-c", "--clean")
parser.add_argument("--rounds", type=int)
parser.add_argument("--ratio", type=float)
parser.add_argument("--kind")
parser.add_argument("--seed")
parser.add_argument("--model")
args = parser.parse_args()
"""

WIRING = (
    M("an unknown input of a step", PIPELINE, "      seed: 7", "      sede: 7", "MR201", "sede: 7"),
    M("an input one letter off", PIPELINE, "      rounds: ${{p", "      round: ${{p", "MR201", "round: ${{p"),
    M("a needed input left out", PIPELINE, "      rate: ${{parent.inputs.rate}}\n", "", "MR202", "  train:"),
    M("no inputs at all", PIPELINE, "    inputs:\n      raw: ${{parent.inputs.raw}}\n      verbose: ${{parent.inputs.verbose}}\n", "", "MR202", "  prep:"),
    M("a needed input of a nested pipeline left out", PIPELINE, "      model: ${{parent.jobs.train.outputs.model}}\n", "", "MR202", "  score:"),
    M("a binding to an unknown pipeline input", PIPELINE, "${{parent.inputs.rounds}}", "${{parent.inputs.round}}", "MR203", "inputs.round}}"),
    M("the same in a nested pipeline", SCORE, "clean: ${{parent.inputs.clean}}", "clean: ${{parent.inputs.cleen}}", "MR203", "cleen"),
    M("the same inside a text", PIPELINE, "run-${{parent.inputs.kind}}", "run-${{parent.inputs.knid}}", "MR203", "knid"),
    M("a binding to an unknown step", PIPELINE, "clean: ${{parent.jobs.prep.", "clean: ${{parent.jobs.prp.", "MR204", "jobs.prp."),
    M("a binding to an unknown output of a step", PIPELINE, "prep.outputs.clean", "prep.outputs.cleaned", "MR205", "outputs.cleaned"),
    M("a binding to an unknown output of a nested pipeline", PIPELINE, "score.outputs.report", "score.outputs.reports", "MR205", "outputs.reports"),
    M("a binding to an unknown input of a step", PIPELINE, "${{parent.jobs.prep.outputs.clean}}\n      rounds", "${{parent.jobs.prep.inputs.clean}}\n      rounds", "MR205", "inputs.clean}}"),
    M("a binding to an unknown pipeline output", PIPELINE, "${{parent.outputs.model}}", "${{parent.outputs.modl}}", "MR206", "outputs.modl}}"),
    M("the same in the form with path", PIPELINE, "path: ${{parent.outputs.report}}", "path: ${{parent.outputs.reprt}}", "MR206", "reprt"),
    M("a step bound to itself", PIPELINE, "raw: ${{parent.inputs.raw}}", "raw: ${{parent.jobs.prep.outputs.clean}}", "MR207", "raw: ${{parent.jobs.prep"),
    M("two steps bound to each other", PIPELINE, "verbose: ${{parent.inputs.verbose}}", "hint: ${{parent.jobs.train.outputs.model}}", "MR207", "hint: ${{parent.jobs.train"),
    M("two writers of one pipeline output", PIPELINE, "        path: ${{parent.outputs.report}}", "        path: ${{parent.outputs.model}}", "MR208", "path: ${{parent.outputs.model}}"),
    M("a pipeline output that no step writes", PIPELINE, "    outputs:\n      model: ${{parent.outputs.model}}\n", "", "MR209", "  model:"),
    M("the same in a nested pipeline", SCORE, "    outputs:\n      report: ${{parent.outputs.report}}\n", "", "MR209", "  report:"),
    M("a binding without parent", PIPELINE, "${{parent.inputs.rounds}}", "${{inputs.rounds}}", "MR210", "${{inputs.rounds}}"),
    M("a binding with input for inputs", PIPELINE, "${{parent.inputs.rounds}}", "${{parent.input.rounds}}", "MR210", "parent.input.rounds"),
    M("a binding that is not closed", PIPELINE, "${{parent.inputs.rounds}}", "${{parent.inputs.rounds}", "MR210", "rounds: ${{"),
    M("an input bound to an output of the pipeline", PIPELINE, "${{parent.jobs.prep.outputs.clean}}\n      label", "${{parent.outputs.model}}\n      label", "MR210", "clean: ${{parent.outputs.model}}"),
    M("an output bound to an input", PIPELINE, "      model: ${{parent.outputs.model}}", "      model: ${{parent.inputs.raw}}", "MR210", "model: ${{parent.inputs.raw}}"),
    M("a folder bound to an integer", PIPELINE, "rounds: ${{parent.inputs.rounds}}", "rounds: ${{parent.jobs.prep.outputs.clean}}", "MR211", "rounds: ${{parent.jobs"),
    M("a number bound to a folder", PIPELINE, "clean: ${{parent.jobs.prep.outputs.clean}}", "clean: ${{parent.inputs.rate}}", "MR211", "clean: ${{parent.inputs.rate"),
    M("a file inside a text", PIPELINE, "run-${{parent.inputs.kind}}", "run-${{parent.inputs.raw}}", "MR211", "run-${{parent.inputs.raw}}"),
    M("text after a binding of data", PIPELINE, "clean: ${{parent.jobs.prep.outputs.clean}}\n      rounds", "clean: ${{parent.jobs.prep.outputs.clean}} more\n      rounds", "MR211", "clean}} more"),
    M("a path after a binding of data", PIPELINE, "raw: ${{parent.inputs.raw}}", "raw: ${{parent.inputs.extra}}/raw.csv", "MR211", "raw: ${{parent.inputs.extra"),
    M("the same in the form with path", PIPELINE, "raw: ${{parent.inputs.raw}}", "raw: {type: uri_file, path: '${{parent.inputs.extra}}/raw.csv'}", "MR211", "raw: {type"),
    M("text before a binding of data", PIPELINE, "raw: ${{parent.inputs.raw}}", "raw: azureml:${{parent.inputs.raw}}", "MR211", "azureml:$"),
    M("text after a binding of an integer", PIPELINE, "rounds: ${{parent.inputs.rounds}}", "rounds: ${{parent.inputs.rounds}} more", "MR211", "rounds}} more"),
    M("text after a binding of a boolean", PIPELINE, "verbose: ${{parent.inputs.verbose}}", "verbose: not ${{parent.inputs.verbose}}", "MR211", "not $"),
    M("text after an output's binding", PIPELINE, "      model: ${{parent.outputs.model}}", "      model: ${{parent.outputs.model}} more", "MR210", "model}} more"),
    M("a path after an output's binding", PIPELINE, "path: ${{parent.outputs.report}}", "path: ${{parent.outputs.report}}/a", "MR210", "report}}/a"),
    M("a file bound to a table", PREP, "  raw:\n    type: uri_file", "  raw:\n    type: mltable", "MR211", "raw: ${{parent.inputs.raw", at_file=PIPELINE),
    M("an unknown output of a step", PIPELINE, "      model: ${{parent.outputs.model}}", "      modl: ${{parent.outputs.model}}", "MR212", "modl: ${{"),
    M("an optional input that feeds a needed one", SCORE, "  clean:\n    type: uri_folder", "  clean:\n    type: uri_folder\n    optional: true", "MR213", "clean: ${{parent.inputs.clean}}"),
    M("an undeclared input of a nested pipeline", PIPELINE, "      label: run-", "      labl: run-", "MR214", "labl: run-", severity="warning"),
    M("the same in a compute", PIPELINE, "    limits:\n", "    compute: ${{parent.inputs.cluster}}\n    limits:\n", "MR203", "inputs.cluster"),
    M("a pipeline's own input bound to something", PIPELINE, "  rounds: 20", "  rounds: ${{parent.inputs.rate}}", "MR210", "rounds: ${{parent.inputs.rate"),
    M("a pipeline input without a value", PIPELINE, "    path: ./data/raw.csv\n", "", "MR215", "  raw:"),
    M("a file bound to a folder", PREP, "  clean:\n    type: uri_folder", "  clean:\n    type: uri_file", "MR218", "clean: ${{parent.jobs.prep", severity="warning", at_file=PIPELINE),
)  # fmt: skip

VALUES = (
    M("a text for an integer", PIPELINE, "      seed: 7", "      seed: abc", "MR221", "seed: abc"),
    M("a fraction for an integer", PIPELINE, "      seed: 7", "      seed: 2.5", "MR221", "seed: 2.5"),
    M("a text for a number, through the pipeline's input", PIPELINE, "  rate: 0.5", "  rate: half", "MR221", "rate: half"),
    M("a bad boolean", PIPELINE, "  verbose: true", '  verbose: "maybe"', "MR221", "maybe"),
    M("a value above the maximum", PIPELINE, "  rounds: 20", "  rounds: 200", "MR222", "rounds: 200"),
    M("a value below the minimum", PIPELINE, "  rate: 0.5", "  rate: -0.5", "MR222", "rate: -0.5"),
    M("a value that is not in the enum", PIPELINE, "  kind: linear", "  kind: linaer", "MR223", "linaer"),
    M("a literal for a folder", PIPELINE, "clean: ${{parent.jobs.prep.outputs.clean}}", "clean: ./data", "MR224", "clean: ./data"),
    M("data for an integer", PIPELINE, "      seed: 7", "      seed:\n        type: uri_file\n        path: ././data/raw.csv", "MR224", "././data/raw.csv"),
    M("a local path that does not exist", PIPELINE, "./data/raw.csv", "./data/raw.cvs", "MR225", "raw.cvs"),
    M("a folder where a file is meant", PIPELINE, "path: ./data/raw.csv", "path: ./data", "MR226", "path: ./data"),
    M("a file where a folder is meant", PIPELINE, "    path: ./data\n", "    path: ././data/raw.csv\n", "MR226", "././data/raw.csv"),
    M("a default above the maximum", TRAIN, "    default: 10", "    default: 1000", "MR227", "default: 1000"),
    M("a default that is not in the enum", TRAIN, "    default: linear", "    default: square", "MR227", "default: square"),
    M("a default of the wrong type", TRAIN, "    default: 10", "    default: ten", "MR227", "default: ten"),
    M("a default of yes for a boolean", PREP, "    default: false", '    default: "yes"', "MR227", 'default: "yes"'),
    M("a default for a folder", TRAIN, "  clean:\n    type: uri_folder", "  clean:\n    type: uri_folder\n    default: x", "MR227", "default: x"),
    M("a minimum above the maximum", TRAIN, "    min: 1\n", "    min: 101\n", "MR228", "min: 101"),
    M("a minimum for a text", TRAIN, "    enum: [linear, cubic]", "    enum: [linear, cubic]\n    min: 3", "MR228", "min: 3"),
    M("a minimum that is not a number", TRAIN, "    min: 1\n", "    min: one\n", "MR228", "min: one"),
    M("data by label", PIPELINE, "    path: ./data/raw.csv", "    path: azureml:raw@latest", "MR229", "raw@latest", severity="warning"),
    M("text after the version of data", PIPELINE, "    path: ./data/raw.csv", "    path: azureml:raw:3 more", "MR233", "azureml:raw:3 more"),
    M("a path after the version of data", PIPELINE, "    path: ./data/raw.csv", "    path: azureml:raw:3/a.csv", "MR233", "azureml:raw:3/a"),
    M("data without a version", PIPELINE, "    path: ./data/raw.csv", "    path: azureml:raw", "MR233", "azureml:raw"),
    M("a literal input written like a declaration", PIPELINE, "  rounds: 20", "  rounds:\n    type: integer\n    default: 20", "MR236", "type: integer"),
    M("a word that YAML reads as true", PIPELINE, "      label: done", "      label: on", "MR232", "label: on", severity="warning"),
    M("a time that YAML reads as a number", PIPELINE, "      label: done", "      label: 12:30", "MR232", "12:30", severity="warning"),
    M("a text in which bash reads a variable", PIPELINE, "      label: done", "      label: in $USD", "MR234", "$USD", severity="warning"),
    M("a text with a double quote", PIPELINE, "      label: done", "      label: 3\" pipe", "MR234", "3\" pipe", severity="warning"),
    M("a text with a command", PIPELINE, "      label: done", "      label: a`id`", "MR234", "a`id`", severity="warning"),
    M("a text that ends with a backslash", PIPELINE, "      label: done", "      label: C:\\", "MR234", "C:", severity="warning"),
    M("a date without quotes", PIPELINE, "      label: done", "      label: 2024-05-01", "MR112", "2024-05-01"),
)  # fmt: skip

COMMANDS = (
    M("an undeclared input in a command", TRAIN, "${{inputs.rate}}", "${{inputs.ratio}}", "MR241", "inputs.ratio"),
    M("the same in a step's own command", PIPELINE, "${{inputs.label}}", "${{inputs.lable}}", "MR241", "inputs.lable"),
    M("an undeclared output in a command", TRAIN, "${{outputs.model}}", "${{outputs.mode}}", "MR242", "outputs.mode}}"),
    M("the same in a step's own command", PIPELINE, "${{outputs.note}}", "${{outputs.notes}}", "MR242", "outputs.notes"),
    M("an optional input outside $[[ ]]", TRAIN, "$[[--seed ${{inputs.seed}}]]", "--seed ${{inputs.seed}}", "MR243", "--seed"),
    M("a $[[ that is not closed", TRAIN, "$[[--seed ${{inputs.seed}}]]", "$[[--seed ${{inputs.seed}}", "MR244", "$[[--seed"),
    M("a ${{ that is not closed", TRAIN, "${{inputs.rate}}", "${{inputs.rate}", "MR245", "--rate"),
    M("a pipeline's expression in a command", TRAIN, "${{inputs.rate}}", "${{parent.inputs.rate}}", "MR245", "parent.inputs.rate"),
    M("a bare name in a command", TRAIN, "${{inputs.rate}}", "${{rate}}", "MR245", "${{rate}}"),
    M("an empty command", JUDGE, "command: python judge.py ${{inputs.model}} ${{inputs.clean}} ${{outputs.report}} $[[--label ${{inputs.label}}]]", 'command: ""', "MR247", "command:"),
    M("a line that begins with an option", PREP, "command: >-", "command: |", "MR246", "command:"),
    M("a quote that is not closed in a command", TRAIN, "--rate ${{inputs.rate}}", '--rate "${{inputs.rate}}', "MR246", "command:"),
    M("an expression in other braces", TRAIN, "${{inputs.rate}}", "${inputs.rate}", "MR245", "--rate"),
    M("a script with backslashes", TRAIN, "python train.py", "python steps\\train.py", "MR248", "train.py"),
    M("a script that is not in the code folder", TRAIN, "python train.py", "python trian.py", "MR248", "trian.py"),
)  # fmt: skip

KEYS = (
    M("an unknown key of the job", PIPELINE, "experiment_name: base", "experimentname: base", "MR111", "experimentname"),
    M("an unknown key in a pipeline input", PIPELINE, "    mode: ro_mount", "    modus: ro_mount", "MR111", "modus"),
    M("an unknown key in limits", PIPELINE, "      timeout: 600", "      time_out: 600", "MR111", "time_out"),
    M("an unknown key in an environment", PREP, "  image: mcr", "  imag: mcr", "MR111", "imag:"),
    M("an unknown key in a component's input", TRAIN, "    min: 1\n", "    minimum: 1\n", "MR111", "minimum: 1"),
    M("an unknown key of a step", PIPELINE, "    type: command\n    component: ./components/train.yml", "    type: command\n    depends_on: prep\n    component: ./components/train.yml", "MR110", "depends_on", severity="warning"),
    M("an unknown key of a component", TRAIN, "is_deterministic: true", "is_determinstic: true", "MR110", "is_determinstic", severity="warning"),
    M("an unknown setting", PIPELINE, "  continue_on_step_failure", "  continue_on_failure", "MR110", "continue_on_failure", severity="warning"),
    M("a number for a text", PIPELINE, "display_name: base", "display_name: 5", "MR112", "display_name: 5"),
    M("a number for a tag", PIPELINE, "  team: tests", "  team: 5", "MR112", "team: 5"),
    M("a text for the timeout", PIPELINE, "timeout: 600", "timeout: ten minutes", "MR112", "ten minutes"),
    M("a list for the inputs", PIPELINE, "    inputs:\n      raw: ${{parent.inputs.raw}}\n      verbose: ${{parent.inputs.verbose}}", "    inputs:\n      - raw: ${{parent.inputs.raw}}", "MR112", "- raw:"),
    M("an empty input", PIPELINE, "      seed: 7", "      seed:", "MR112", "seed:"),
    M("an output bound to plain text", PIPELINE, "      model: ${{parent.outputs.model}}", "      model: parent.outputs.model", "MR210", "model: parent.outputs.model"),
    M("a text for an environment variable map", PIPELINE, '    environment_variables:\n      LEVEL: "1"', "    environment_variables: LEVEL=1", "MR112", "LEVEL=1"),
    M("no type in a job", PIPELINE, "type: pipeline\ndisplay", "display", "MR113", "$schema"),
    M("a step without component and command", PIPELINE, "    component: ./components/train.yml\n", "", "MR113", "  train:"),
    M("a component without a command", JUDGE, "command: python", "comand: python", "MR113", "$schema"),
    M("a component without an environment", JUDGE, "environment: azureml:base@latest\n", "", "MR113", "$schema"),
    M("an input without a type", TRAIN, "  clean:\n    type: uri_folder", "  clean:\n    description: x", "MR113", "  clean:"),
    M("an unknown type of an input", TRAIN, "  clean:\n    type: uri_folder", "  clean:\n    type: uri_foo", "MR114", "uri_foo"),
    M("an unknown type of a step", PIPELINE, "type: command\n    component: ./components/prep.yml", "type: comand\n    component: ./components/prep.yml", "MR114", "type: comand"),
    M("an unknown mode", PIPELINE, "    mode: ro_mount", "    mode: mount", "MR114", "mode: mount"),
    M("an unknown distribution", TRAIN, "resources:\n  instance_count: 1", "distribution:\n  type: horovod", "MR114", "horovod"),
    M("capital letters in a step's name", PIPELINE, "  notify:", "  Notify:", "MR115", "Notify:"),
    M("a dash in a step's name", PIPELINE, "  notify:", "  notify-all:", "MR115", "notify-all:"),
    M("a dash in an input's name", TRAIN, "  rounds:\n", "  max-rounds:\n", "MR115", "max-rounds"),
    M("jobs and component together", PIPELINE, "experiment_name: base", "experiment_name: base\ncomponent: ./components/score.yml", "MR116", "component: ./components/score.yml"),
    M("inputs that differ only in capital letters", TRAIN, "  seed:\n", "  Rounds:\n    type: integer\n    optional: true\n  seed:\n", "MR117", "Rounds:"),
    M("control flow", PIPELINE, "  notify:\n    type: command", "  gate:\n    type: if_else\n    condition: ${{parent.inputs.verbose}}\n  notify:\n    type: command", "MR118", "  gate:"),
    M("no compute at all", PIPELINE, "  default_compute: azureml:serverless\n", "", "MR251", "  prep:"),
    M("compute: local", PIPELINE, "azureml:serverless", "local", "MR252", "default_compute", severity="warning"),
    M("a compute without azureml:", PIPELINE, "azureml:serverless", "cpu-cluster", "MR129", "cpu-cluster"),
    M("the schema of another kind", PIPELINE, "pipelineJob.schema", "commandJob.schema", "MR131", "$schema", severity="warning"),
    M("no steps", PIPELINE, "jobs:\n  prep:", "jobs: {}\nsteps:\n  prep:", "MR128", "jobs: {}"),
)  # fmt: skip

REFERENCES = (
    M("a component that does not exist", PIPELINE, "./components/train.yml", "./components/trian.yml", "MR120", "trian.yml"),
    M("a component that is a folder", PIPELINE, "./components/train.yml", "././components", "MR120", "././components"),
    M("a pipeline component that uses itself", SCORE, "    type: command\n    component: ./judge.yml", "    type: pipeline\n    component: ./score.yml", "MR121", "./score.yml"),
    M("a malformed reference", PIPELINE, "./components/train.yml", "train", "MR120", "component: train"),
    M("file: before a pipeline component", PIPELINE, "./components/score.yml", "file:./components/score.yml", "MR122", "file:./components"),
    M("a step and a component of different types", PIPELINE, "    type: pipeline\n    component: ./components/score.yml", "    type: command\n    component: ./components/score.yml", "MR123", "./components/score.yml"),
    M("a code folder that does not exist", TRAIN, "code: ../steps", "code: ../stesp", "MR124", "../stesp"),
    M("a conda file that does not exist", PREP, "../environment/conda.yml", "../environment/conda.yaml", "MR125", "conda.yaml"),
    M("an additional include that does not exist", TRAIN, "resources:\n  instance_count: 1", "additional_includes:\n  - ../shared", "MR126", "../shared"),
    M("an environment without azureml:", TRAIN, "azureml:base@latest", "base", "MR127", "environment: base"),
    M("a conda file instead of an environment", PREP, "  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04\n  conda_file: ../environment/conda.yml", "  channels: [conda-forge]\n  dependencies: [python=3.11]", "MR127", "channels:"),
    M("an output's datastore address with a typo", PIPELINE, "    mode: upload\n", "    mode: upload\n    path: azureml://datastore/d/paths/x\n", "MR233", "datastore/d"),
    M("an output's address without //", PIPELINE, "    mode: upload\n", "    mode: upload\n    path: azureml:datastores/d/paths/x\n", "MR233", "datastores/d"),
    M("an output's unknown scheme", PIPELINE, "    mode: upload\n", "    mode: upload\n    path: htps://h.example/x\n", "MR233", "htps"),
    M("a Dockerfile that does not exist", JUDGE, "environment: azureml:base@latest", "environment:\n  build:\n    path: ../environment\n    dockerfile_path: Dokerfile", "MR125", "Dokerfile"),
    M("a misspelled key of a conda file", "environment/conda.yml", "dependencies:", "chanels: [c]\ndependencies:", "MR127", "chanels", severity="warning"),
    M("a module that is nearly one in the code", TRAIN, "python train.py", "python -m trainn", "MR248", "trainn", severity="warning"),
    M("a script that does not exist after another command", TRAIN, "python train.py", "pip install six && python trian.py", "MR248", "trian"),
    M("another file instead of a component", PIPELINE, "    component: ./components/train.yml", "    component: ./environment/conda.yml", "MR130", "dependencies", at_file="environment/conda.yml"),
)  # fmt: skip

YAML = (
    M("a duplicate key", PIPELINE, "  rounds: 20", "  rounds: 20\n  rounds: 30", "MR105", "rounds: 30"),
    M("a duplicate step", PIPELINE, "  notify:", "  train:  # again", "MR105", "# again"),
    M("a tab for indentation", PIPELINE, "  rounds: 20", "\trounds: 20", "MR103", "\trounds"),
    M("a quote that is not closed", PIPELINE, "display_name: base", 'display_name: "base', "MR103", "LEVEL"),
    M("a colon inside a value", PIPELINE, "description: A pipeline", "description: note: A pipeline", "MR103", "note: A"),
    M("wrong indentation", PIPELINE, "  rate: 0.5", "   rate: 0.5", "MR103", "rate: 0.5"),
    M("an unknown tag", PIPELINE, "      seed: 7", "      seed: !secret 7", "MR106", "!secret"),
    M("a key that YAML reads as true", PIPELINE, "  team: tests", "  on: tests", "MR107", "on: tests"),
    M("an unknown alias", PIPELINE, "      seed: 7", "      seed: *seed", "MR103", "*seed"),
    M("two documents", PIPELINE, "jobs:\n", "---\njobs:\n", "MR103", "---"),
    Damage("a component that is not UTF-8", TRAIN, lambda f: _bytes(f / TRAIN, b"name: base_train", b"name: base_tr\xe4in"), "MR102", 3),
    Damage("an empty component", TRAIN, lambda f: _write(f / TRAIN, ""), "MR104", 0),
    Damage("a pipeline that is a list", PIPELINE, lambda f: _write(f / PIPELINE, "- type: pipeline\n"), "MR104", 1),
    Damage("a deleted pipeline", PIPELINE, lambda f: (f / PIPELINE).unlink(), "MR101", 0),
    Damage("deleted data", PIPELINE, lambda f: (f / "data" / "raw.csv").unlink(), "MR225", 15),
    Damage("deleted code", TRAIN, lambda f: (f / "steps" / "train.py").unlink(), "MR248", 29),
    Damage("an option that the script does not have", TRAIN, lambda f: _write(f / "steps" / "train.py", _ARGPARSE), "MR249", 32),
)  # fmt: skip

AREAS: dict[str, tuple[Mutation | Damage, ...]] = {
    "Wiring": WIRING,
    "Values": VALUES,
    "Commands": COMMANDS,
    "Keys": KEYS,
    "References": REFERENCES,
    "YAML": YAML,
}
MUTATIONS = tuple(mutation for area in AREAS.values() for mutation in area)


def _bytes(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
