"""Unusual but valid pipelines: Azure ML runs them, so nothing may be reported."""

# ruff: noqa: E501 - one row per line reads as a table
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.unit.pipeline.mutations import JUDGE, PIPELINE, PREP, SCORE, TRAIN


@dataclass(frozen=True)
class Oddity:
    """Each change is (file, old, new); ``new_files`` are written first."""

    title: str
    changes: tuple[tuple[str, str, str], ...] = ()
    new_files: tuple[tuple[str, str], ...] = ()

    def apply(self, folder: Path) -> None:
        """Change the copy of the base in ``folder``."""
        for name, text in self.new_files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for file, old, new in self.changes:
            path = folder / file
            text = path.read_text(encoding="utf-8")
            assert old in text, f"{self.title}: {file} does not hold {old!r}"
            path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _one(title: str, file: str, old: str, new: str) -> Oddity:
    return Oddity(title, ((file, old, new),))


_COMPONENT = "type: command\nname: other\ncommand: echo ${{inputs.text}}\nenvironment: azureml:e:1\ninputs:\n  text:\n    type: string\n"
_NESTED = """type: pipeline
name: outer
inputs:
  model: {type: uri_folder}
  clean: {type: uri_folder}
  label: {type: string, optional: true}
outputs:
  report: {type: uri_file}
jobs:
  inner:
    type: pipeline
    component: ./score.yml
    inputs:
      model: ${{parent.inputs.model}}
      clean: ${{parent.inputs.clean}}
      label: ${{parent.inputs.label}}
    outputs:
      report: ${{parent.outputs.report}}
"""

_FOLDED = "command: >-\n  python prep.py\n  --raw ${{inputs.raw}}\n  --verbose ${{inputs.verbose}}\n  $[[--hint ${{inputs.hint}}]]\n  --clean ${{outputs.clean}}\n"

ODDITIES = (
    Oddity("nothing changed"),
    _one("blanks inside a binding", PIPELINE, "${{parent.inputs.rounds}}", "${{ parent.inputs.rounds }}"),
    _one("blanks inside an expression of a command", TRAIN, "${{inputs.rate}}", "${{ inputs.rate }}"),
    _one("an output bound in the form with path and mode", PIPELINE, "        path: ${{parent.outputs.report}}", "        path: ${{parent.outputs.report}}\n        mode: upload"),
    _one("a null output of the pipeline", PIPELINE, "  model:\n    type: uri_folder\n  report", "  model:\n  report"),
    _one("a null output of a step", PIPELINE, "      note:\n        type: uri_file", "      note:"),
    _one("no type of a step", PIPELINE, "    type: command\n    component: ./components/prep.yml", "    component: ./components/prep.yml"),
    _one("file: before a component", PIPELINE, "./components/train.yml", "file:./components/train.yml"),
    _one("an input with a default that nobody gives", PIPELINE, "      rounds: ${{parent.inputs.rounds}}\n", ""),
    _one("an optional input that nobody gives", PIPELINE, "      seed: 7\n", ""),
    _one("an optional input of a nested pipeline that nobody gives", PIPELINE, "      label: run-${{parent.inputs.kind}}\n", ""),
    _one("an input of a nested pipeline that feeds optional ones only", SCORE, "    optional: true\n", ""),
    _one("the output that every step has", PIPELINE, "clean: ${{parent.jobs.prep.outputs.clean}}\n      label", "clean: ${{parent.jobs.prep.outputs.artifacts}}\n      label"),
    _one("a binding to an input of another step", PIPELINE, "      label: done", "      label: ${{parent.jobs.train.inputs.kind}}"),
    _one("two expressions in one text", PIPELINE, "run-${{parent.inputs.kind}}", "${{parent.inputs.kind}}-${{parent.inputs.rounds}}"),
    _one("an integer of two parts", PIPELINE, "rounds: ${{parent.inputs.rounds}}", "rounds: 1${{parent.inputs.rounds}}"),
    _one("an input in the path of an output", PIPELINE, "    outputs:\n      note:\n        type: uri_file", "    outputs:\n      note:\n        type: uri_file\n        path: azureml://datastores/d/paths/${{parent.inputs.kind}}/a.txt"),
    _one("an integer for a number", PIPELINE, "  rate: 0.5", "  rate: 1"),
    _one("a whole number with a point for an integer", PIPELINE, "      seed: 7", "      seed: 7.0"),
    _one("a quoted integer", PIPELINE, "      seed: 7", '      seed: "7"'),
    _one("a number for a text", PIPELINE, "      label: done", "      label: 5"),
    _one("true for a text", PIPELINE, "      label: done", "      label: true"),
    _one("1e-3 for a number", PIPELINE, "  rate: 0.5", "  rate: 1e-3"),
    _one("a quoted boolean", PIPELINE, "  verbose: true", '  verbose: "False"'),
    _one("an empty text", PIPELINE, "      label: done", '      label: ""'),
    _one("a default of False for a text", SCORE, "    type: string\n    optional: true", "    type: string\n    default: false"),
    _one("an address in a cloud", PIPELINE, "./data/raw.csv", "https://example.org/raw.csv"),
    _one("a path in a datastore", PIPELINE, "./data/raw.csv", "azureml://datastores/workspaceblobstore/paths/raw.csv"),
    _one("a data asset of the workspace", PIPELINE, "./data/raw.csv", "azureml:raw:3"),
    _one("a component of the workspace", PIPELINE, "./components/prep.yml", "azureml:their_prep:4"),
    _one("a component of a registry", PIPELINE, "./components/prep.yml", "azureml://registries/azureml/components/prep/versions/1"),
    _one("a component of this repo by its name", PIPELINE, "./components/train.yml", "azureml:base_train:1"),
    _one("the same by label", PIPELINE, "./components/train.yml", "azureml:base_train@latest"),
    Oddity("a component in the pipeline itself", ((PIPELINE, "  notify:\n", "  other:\n    type: command\n    component:\n      type: command\n      command: echo ${{inputs.text}}\n      environment: azureml:e:1\n      inputs:\n        text:\n          type: string\n    inputs:\n      text: hello\n  notify:\n"),)),
    Oddity("a pipeline in a pipeline in a pipeline", ((PIPELINE, "./components/score.yml", "./components/outer.yml"),), (("components/outer.yml", _NESTED),)),
    Oddity("a pipeline component in place of jobs", (), (("pipeline.yml", "type: pipeline\nsettings:\n  default_compute: azureml:serverless\ncomponent: ./components/score.yml\ninputs:\n  model:\n    type: uri_folder\n    path: ./data\n  clean:\n    type: uri_folder\n    path: ./data\n"),)),
    Oddity("the same component twice", ((PIPELINE, "  notify:\n", "  again:\n    component: ./components/prep.yml\n    inputs:\n      raw: ${{parent.inputs.raw}}\n  notify:\n"),)),
    Oddity("a step that is not bound to anything", ((PIPELINE, "  notify:\n", "  alone:\n    component: ./components/other.yml\n    inputs:\n      text: hello\n  notify:\n"),), (("components/other.yml", _COMPONENT),)),
    Oddity("an anchor and a merge", ((PIPELINE, "  prep:\n    type: command\n", "  prep:\n    <<: &kind {type: command}\n"), (PIPELINE, "  train:\n    type: command\n", "  train:\n    <<: *kind\n"))),
    _one("inputs that the command does not use", TRAIN, "  --rate ${{inputs.rate}}\n", ""),
    _one("outputs that nobody reads", PREP, "outputs:\n  clean:", "outputs:\n  spare:\n    type: uri_file\n  clean:"),
    _one("no code", JUDGE, "code: ../steps\ncommand: python judge.py", "command: echo"),
    _one("one file as code", JUDGE, "code: ../steps\n", "code: ../steps/judge.py\n"),
    _one("a shell's own braces", JUDGE, "command: python judge.py", "command: export A=${HOME} && [[ -d x ]] || python judge.py"),
    _one("a command that starts elsewhere", JUDGE, "command: python judge.py", "command: cd .. && python other.py"),
    _one("a command of many lines", PREP, _FOLDED, "command: |\n  set -e\n" + _FOLDED.split("\n", 1)[1].replace("\n", " \\\n").rstrip(" \\\n") + "\n"),
    _one("two optional inputs in one bracket", TRAIN, "$[[--seed ${{inputs.seed}}]]", "$[[--seed ${{inputs.seed}} --again ${{inputs.seed}}]]"),
    _one("an environment of its own for a step", PIPELINE, "    limits:\n", "    environment: azureml:other@latest\n    limits:\n"),
    _one("a number of instances from an input", PIPELINE, "      instance_count: 1", "      instance_count: ${{parent.inputs.rounds}}"),
    _one("a compute for every step", PIPELINE, "  default_compute: azureml:serverless\n", "  default_compute: azureml:cpu-cluster\n"),
    Oddity("a compute from an input", ((PIPELINE, "    limits:\n", "    compute: ${{parent.inputs.cluster}}\n    limits:\n"), (PIPELINE, "  rounds: 20", "  cluster: cpu-cluster\n  rounds: 20"))),
    _one("serverless without azureml:", PIPELINE, "azureml:serverless", "serverless"),
    _one("a path of the server in an output", PIPELINE, "  report:\n    type: uri_file\n", "  report:\n    type: uri_file\n    path: azureml://datastores/${{default_datastore}}/paths/${{name}}/${{output_name}}\n"),
    _one("an output that becomes a data asset", PIPELINE, "  report:\n    type: uri_file\n", "  report:\n    type: uri_file\n    name: report\n    version: 3\n"),
    _one("numbers for environment variables", PIPELINE, '      LEVEL: "1"', "      LEVEL: 1\n      QUIET: true\n      EMPTY:"),
    _one("a distribution", TRAIN, "resources:", "distribution:\n  type: pytorch\n  process_count_per_instance: 1\nresources:"),
    _one("a step for Spark", PIPELINE, "  notify:\n    type: command", "  big:\n    type: spark\n    component: azureml:their_spark:1\n    resources:\n      instance_type: Standard_E8S_V3\n      runtime_version: \"3.4\"\n  notify:\n    type: command"),
    _one("the old name of uri_folder", TRAIN, "  clean:\n    type: uri_folder", "  clean:\n    type: path"),
    _one("a byte order mark", PIPELINE, "$schema: ", "\N{ZERO WIDTH NO-BREAK SPACE}$schema: "),
    _one("text of many languages", PIPELINE, "display_name: base", "display_name: Vorhersage für 東京 🚀"),
    _one("a datastore chosen by the server", PIPELINE, "    mode: upload\n", "    mode: upload\n    path: azureml://datastores/${{default_datastore}}/paths/${{name}}/x\n"),
    _one("an output at an address of Azure storage", PIPELINE, "    mode: upload\n", "    mode: upload\n    path: wasbs://c@a.blob.core.windows.net/x\n"),
    _one("a Dockerfile of another name", JUDGE, "environment: azureml:base@latest", "environment:\n  build:\n    path: ../environment\n    dockerfile_path: ./conda.yml"),
    _one("variables in a conda file", "environment/conda.yml", "dependencies:", "variables:\n  A: b\ndependencies:"),
    _one("a module that is installed", TRAIN, "python train.py", "python -m trainer"),
    _one("a script that the command makes", TRAIN, "python train.py", "echo 1 > trian.py && python trian.py"),
    _one("a script in another folder", TRAIN, "python train.py", "cd sub && python trian.py"),
    _one("a build context", JUDGE, "environment: azureml:base@latest", "environment:\n  build:\n    path: ../environment"),
    _one("a conda file inside the component", JUDGE, "environment: azureml:base@latest", "environment:\n  image: ubuntu\n  conda_file:\n    dependencies: [python=3.11]"),
    _one("what Azure ML writes itself", PIPELINE, "experiment_name: base", "experiment_name: base\ncreation_context:\n  created_by: somebody\nstatus: Completed"),
)  # fmt: skip
