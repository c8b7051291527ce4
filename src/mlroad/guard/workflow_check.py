"""Do the workflows of a repo still run every guard, and can each guard still make a pull request fail?

It reports whatever keeps the failure of a guard from failing its job, or that of a job from failing `ci`.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mlroad.core.problems import Position
from mlroad.core.repo import is_factory
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, read_yaml
from mlroad.guard.guard_settings import Settings
from mlroad.guard.hooks import is_generated
from mlroad.guard.planted_repo import plant, planted_repo, run
from mlroad.guard.required_steps import FACTORY, PROTOTYPE, SECOND_SCAN, RequiredStep, plain

_FOLDER = Path(".github/workflows")
_SETUP = Path(".github/actions/setup/action.yml")
# Inputs of the checkout that do not change which files a guard reads.
_CHECKOUT_INPUTS = {"persist-credentials", "fetch-depth"}
_RESTORE = "Restore it from the template: git log -p {}"


class _Step(NamedTuple):
    job_name: str
    job: MapNode
    step: MapNode


def check_workflow(settings: Settings) -> list[str]:
    """What is wrong with the workflows of the repo; nothing if it was not made from the template."""
    if not is_generated(settings.root):
        return []
    faults: list[str] = []
    for name, required in _required(settings.root).items():
        file = settings.root / _FOLDER / name
        shown = (_FOLDER / name).as_posix()
        if not file.is_file():
            faults.append(f"{shown} is missing. {_RESTORE.format(shown)}")
            continue
        node, problems = read_yaml(file)
        # YAML 1.1 reads the key `on` as true; GitHub does not.
        if (
            any(problem.code != "MR107" for problem in problems)
            or not isinstance(node, MapNode)
            or not isinstance(node.get("jobs"), MapNode)
        ):
            faults.append(f"{shown} cannot be read as a workflow. {_RESTORE.format(shown)}")
            continue
        found = _Workflow(shown, node)
        for step in required:
            faults += found.check(step)
        faults += found.check_whole()
    return faults + _check_setup(settings)


def second_scan_command(root: Path) -> list[str] | None:
    """The command of the second scanner in the workflow; None if it has been changed or is missing."""
    for name in _required(root):
        file = root / _FOLDER / name
        node = read_yaml(file)[0] if file.is_file() else None
        if isinstance(node, MapNode):
            for step in _Workflow(name, node).steps():
                script = step.step.text("run") or ""
                if SECOND_SCAN.matches(script):
                    return shlex.split(plain(script))
    return None


def _required(root: Path) -> dict[str, tuple[RequiredStep, ...]]:
    return dict(FACTORY if is_factory(root) else PROTOTYPE)


class _Workflow:
    """One workflow file."""

    def __init__(self, shown: str, node: MapNode) -> None:
        self.shown = shown
        self.node = node
        jobs = node.get("jobs")
        self.jobs = (
            {name: job for name, _, job in jobs if isinstance(job, MapNode)}
            if isinstance(jobs, MapNode)
            else {}
        )

    def steps(self) -> Iterator[_Step]:
        """All steps, with their jobs."""
        for name, job in self.jobs.items():
            for step in _items(job.get("steps")):
                if isinstance(step, MapNode):
                    yield _Step(name, job, step)

    def check(self, required: RequiredStep) -> list[str]:
        """What keeps this step from failing its job, or its job from failing the pull request."""
        near = [step for step in self.steps() if required.word in plain(step.step.text("run") or "")]
        exact = [
            step
            for step in near
            if required.matches(step.step.text("run") or "") and _has_env(step.step, required.env)
        ]
        if not near:
            return [f"{self.shown}: no step runs `{required.word}`. {_RESTORE.format(self.shown)}"]
        if not exact:
            what = f"this step must run only `{required.word} …`, so that its exit code decides."
            return [self._fault(near[0].step.key_at("run"), what)]
        found = [self._weak(step, required.ifs, required.environment) for step in exact]
        return min(found, key=len)

    def _weak(self, step: _Step, ifs: tuple[str, ...], environment: str) -> list[str]:
        faults = []
        if environment and step.job.text("environment") != environment:
            what = f"the job {step.job_name} must have `environment: {environment}`, which protects it."
            faults.append(self._fault(step.job.key_at("environment"), what))
        for node, what in ((step.job, f"job {step.job_name}"), (step.step, "step")):
            faults += self._tolerant(node, what)
            condition = node.get("if")
            if condition is not None and condition.plain() not in (*ifs, "always()"):
                faults.append(self._fault(node.key_at("if"), f"with this condition, the {what} may not run."))
        for node, keys in ((step.step, ("shell", "working-directory")), (step.job, ("defaults",))):
            faults += [
                self._fault(node.key_at(key), f"`{key}` changes what runs here.")
                for key in keys
                if key in node.values
            ]
        if "strategy" in step.job.values and not ifs:
            faults.append(self._fault(step.job.key_at("strategy"), "with a matrix, the job may not run."))
        for other in _items(step.job.get("steps")):
            if isinstance(other, MapNode) and (other.text("uses") or "").startswith("actions/checkout@"):
                inputs = other.get("with")
                names = set(inputs.values) if isinstance(inputs, MapNode) else set()
                for name in sorted(names - _CHECKOUT_INPUTS):
                    assert isinstance(inputs, MapNode)
                    faults.append(self._fault(inputs.key_at(name), f"`{name}` changes which files are read."))
        if "ci" in self.jobs and step.job_name not in _texts(self.jobs["ci"].get("needs")):
            faults.append(
                self._fault(self.jobs["ci"].key_at("needs"), f"`ci` does not need the job {step.job_name}.")
            )
        return faults

    def check_whole(self) -> list[str]:
        """What concerns every job of the file: when it runs, in which shell, and the required check `ci`."""
        faults = self._check_shell()
        if self.shown.endswith(("/ci.yml", "/pr.yml")):
            faults += self._check_events() + self._check_ci()
        return faults

    def _check_shell(self) -> list[str]:
        defaults = self.node.get("defaults")
        if defaults is not None and defaults.plain() == {"run": {"shell": "bash"}}:
            return []
        return [
            f"{self.shown}: `defaults` must be `run: {{shell: bash}}`: then a failed command fails its step."
        ]

    def _check_events(self) -> list[str]:
        events = self.node.get("on")
        if isinstance(events, MapNode) and {"pull_request", "merge_group"} <= set(events.values):
            filtered = events.get("pull_request")
            if filtered is None:
                return []
            return [self._fault(filtered.at, "with this filter, some pull requests are not checked.")]
        return [
            f"{self.shown}: it must run on `pull_request` and `merge_group`. {_RESTORE.format(self.shown)}"
        ]

    def _check_ci(self) -> list[str]:
        job = self.jobs.get("ci")
        if job is None:
            return [f"{self.shown}: the job `ci`, which branch protection requires, is missing."]
        faults = self._tolerant(job, "job ci")
        if job.text("if") != "always()":
            faults.append(
                self._fault(job.key_at("if"), "`ci` must have `if: always()`: skipped, it would pass.")
            )
        steps = [step for step in _items(job.get("steps")) if isinstance(step, MapNode)]
        for step in steps:
            faults += self._tolerant(step, "step")
            if "if" in step.values:
                faults.append(self._fault(step.key_at("if"), "with this condition, the step may not run."))
        needs = _texts(job.get("needs"))
        scripts = [
            step.text("run") or ""
            for step in steps
            if step.text("shell") == "python" and _has_env(step, {"NEEDS": "${{ toJSON(needs) }}"})
        ]
        failing = [_failing(script, needs) for script in scripts]
        passing = [name for name in needs if not any(name in names for names in failing)]
        if passing or not needs:
            what = f"`ci` passes when a job fails: {', '.join(passing) or 'it needs none'}."
            faults.append(self._fault(job.at, what))
        elif any("" in names for names in failing):
            faults.append(self._fault(job.at, "`ci` fails although every job succeeded."))
        return faults

    def _tolerant(self, node: MapNode, what: str) -> list[str]:
        tolerated = node.get("continue-on-error")
        if tolerated is None or tolerated.plain() is False:
            return []
        at = node.key_at("continue-on-error")
        return [self._fault(at, f"with continue-on-error, a failure of the {what} does not count.")]

    def _fault(self, at: Position, what: str) -> str:
        return f"{self.shown}:{at.line}:{at.column}: {what} {_RESTORE.format(self.shown)}"


_DRIVER = """
import json, os, sys
script, cases = json.load(sys.stdin)
failed = []
for name, needs in cases.items():
    os.environ["NEEDS"] = json.dumps(needs)
    try:
        exec(compile(script, "ci", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        failed += [name] if stop.code else []
    except Exception:
        failed += [name]
print("\\n" + json.dumps(failed))
"""


def _failing(script: str, needs: list[str]) -> list[str]:
    """The jobs whose failure makes the script of `ci` fail; "" if it fails although all succeeded."""
    good = {name: {"result": "success", "outputs": {"models": '["m"]'}} for name in needs}
    cases = {name: good | {name: {**good[name], "result": "failure"}} for name in needs} | {"": good}
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        input=json.dumps([script, cases]),
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else []
    return found


def _check_setup(settings: Settings) -> list[str]:
    """Run the step that verifies the wheel on one that was changed."""
    shown = _SETUP.as_posix()
    file = settings.root / _SETUP
    node = read_yaml(file)[0] if file.is_file() else None
    runs = node.get("runs") if isinstance(node, MapNode) else None
    steps = (
        [step for step in _items(runs.get("steps")) if isinstance(step, MapNode)]
        if isinstance(runs, MapNode)
        else []
    )
    scripts = [
        step for step in steps if "SHA256SUMS" in (step.text("run") or "") and step.text("shell") == "python"
    ]
    if not scripts:
        return [f"{shown}: no step verifies the wheel of mlroad. {_RESTORE.format(shown)}"]
    step = scripts[0]
    if "if" in step.values or "continue-on-error" in step.values:
        return [
            f"{shown}:{step.line}: the step that verifies the wheel must always run. {_RESTORE.format(shown)}"
        ]
    wheel = "mlroad-0+gabcdef0-py3-none-any.whl"
    with planted_repo(settings, {}) as root:
        plant(
            root,
            {
                "pyproject.toml": f'[tool.uv.sources]\nmlroad = {{ path = "vendor/{wheel}" }}\n',
                f"vendor/{wheel}": "changed",
                "vendor/SHA256SUMS": f"{'0' * 64}  {wheel}\n",
            },
        )
        code = run(root, sys.executable, "-c", step.text("run") or "").returncode
    return (
        []
        if code
        else [f"{shown}:{step.line}: a wheel that was changed is accepted. {_RESTORE.format(shown)}"]
    )


def _has_env(step: MapNode, wanted: Mapping[str, str]) -> bool:
    env = step.get("env")
    given = env.plain() if isinstance(env, MapNode) else {}
    return all(given.get(name) == value for name, value in wanted.items())


def _items(node: Node | None) -> list[Node]:
    return node.items if isinstance(node, ListNode) else []


def _texts(node: Node | None) -> list[str]:
    return [str(item.plain()) for item in _items(node)]
