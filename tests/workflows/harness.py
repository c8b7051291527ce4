"""Runs generated workflows with act on this machine; docs/explanation/act-tests.md explains what that proves.

act exits with 0 when it skips a job because of an unknown label or a condition, so its exit code proves
nothing: every job and every step of the workflow file must have reported its own success.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import string
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlroad.core.template import COPIER, EXCLUDE_NEWER
from tests.bytecode import share_bytecode
from tests.support import call, commit_all, git, tool

SETUP = Path(".github/actions/setup/action.yml")
STAND_INS = Path(__file__).parent / "actions"
PROGRAMS = Path(__file__).parent / "bin"
# The variables that this machine may need to reach its package indexes, and those of its .NET SDK. GitHub's
# runners do not need them.
PASSED_ON = re.compile(
    r"^(UV_|PIP_|SSL_|(https?|no|all)_proxy$|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$|DOTNET_|NUGET|MSBUILD)",
    re.IGNORECASE,
)
NOT_PASSED_ON = {"UV_PROJECT_ENVIRONMENT", "UV_RUN_RECURSION_DEPTH", "UV_FROZEN", "UV_NO_SYNC"}
ACTS_OWN = re.compile(r"^ *(⭐|❌|exit status|exitcode).*$", re.MULTILINE)
USES = re.compile(r"uses:\s*([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40})\b")


@dataclass
class Step:
    """One step of a job. ``result`` is success or failure; None if it did not end."""

    name: str
    result: str | None = None
    log: str = ""


@dataclass
class Job:
    """One job, or one cell of its matrix. The keys of ``steps`` are ids, or else numbers in the file."""

    id: str
    name: str
    matrix: dict[str, Any]
    result: str | None = None
    steps: dict[str, Step] = field(default_factory=dict)

    def failed_steps(self) -> list[str]:
        return [step.name for step in self.steps.values() if step.result == "failure"]


@dataclass(frozen=True)
class Run:
    """The result of one call of act."""

    workflow: dict[str, Any]
    jobs: list[Job]
    output: str
    summaries: dict[str, str]
    artifacts: Path
    gh_log: Path

    def job(self, job_id: str, called: str = "", **matrix: Any) -> Job:
        """The only job with that id (and matrix cell, if one is given).

        act reports no matrix cell for jobs of a reusable workflow: ``called`` is a part of their name.
        """
        found = [
            j for j in self.jobs
            if j.id == job_id and called in j.name and (not matrix or j.matrix == matrix)
        ]  # fmt: skip
        assert len(found) == 1, f"{len(found)} jobs {job_id} {called} {matrix or ''} ran\n{self.told()}"
        return found[0]

    def told(self) -> str:
        """What the steps that failed printed, and then all output: a report may show only its beginning."""
        failed = [f"{job.name}, {step.name}:\n{step.log}" for job, step in self._failed()]
        return "\n".join([*failed, self.output])

    def lost_words(self) -> bool:
        """Whether act lost the output of a step that failed."""
        return any(not ACTS_OWN.sub("", step.log).strip() for _, step in self._failed())

    def _failed(self) -> list[tuple[Job, Step]]:
        return [(job, step) for job in self.jobs for step in job.steps.values() if step.result == "failure"]

    def assert_green(
        self,
        expected: Mapping[str, Sequence[Mapping[str, Any]]],
        skipped: Sequence[tuple[str, str]] = (),
        called: str = "",
    ) -> None:
        """These jobs ran, in these matrix cells, and no others; every step of the file ran and succeeded.

        ``skipped`` names the (job, step) pairs whose ``if:`` is false in this run. Only jobs with ``called``
        in their name count.
        """
        jobs = [job for job in self.jobs if called in job.name]
        ran = {job_id: [j.matrix for j in jobs if j.id == job_id] for job_id in {j.id for j in jobs}}
        wanted = {job_id: [dict(cell) for cell in cells or [{}]] for job_id, cells in expected.items()}
        assert ran == wanted, f"other jobs ran than expected: {ran}\n{self.told()}"
        for job in jobs:
            assert job.result == "success", f"{job.name}: {job.result}, {job.failed_steps()}\n{self.told()}"
            for key, name in steps_of(self.workflow, job.id):
                result = (job.steps[key].result if key in job.steps else None) or "did not run"
                wanted_result = "did not run" if (job.id, name) in skipped else "success"
                assert result == wanted_result, f"{job.name}, step {name}: {result}\n{self.told()}"

    def assert_red(self, job_id: str, step_name: str, *messages: str, called: str = "") -> None:
        """This job failed in this step and no other, and the step printed each of ``messages``."""
        job = self.job(job_id, called)
        assert job.result == "failure", f"{job.name}: {job.result}\n{self.told()}"
        assert job.failed_steps() == [step_name], f"{job.name}: {job.failed_steps()} failed\n{self.told()}"
        step = next(s for s in job.steps.values() if s.name == step_name)
        for message in messages:
            assert message in step.log, f"{job.name} did not print {message!r}\n{step.log}"


def steps_of(workflow: Mapping[str, Any], job_id: str) -> Iterator[tuple[str, str]]:
    """The key and the name that act reports for every step in the file."""
    for number, step in enumerate(workflow["jobs"][job_id]["steps"]):
        yield step.get("id", str(number)), step.get("name", step.get("uses"))


class Act:
    """act, with stand-ins for the actions and its own home folder; one per test session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.uv_bin = folder / "uv"
        for made in (self.home, self.bin, self.uv_bin):
            made.mkdir(parents=True)
        # `python` is on a GitHub runner's path; this project's own environment is not.
        python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
        for name in ("python", "python3", python.name):
            (self.bin / name).symlink_to(python)
        # git drops the executable bit where a file system has none.
        for program in PROGRAMS.iterdir():
            shutil.copy(program, self.bin)
            (self.bin / program.name).chmod(0o755)
        for name in ("uv", "uvx"):
            (self.uv_bin / name).symlink_to(tool(name))
        self.uv_cache = subprocess.check_output([tool("uv"), "cache", "dir"], text=True).strip()
        self.runs = 0
        self.warm: set[str] = set()
        self.shared = False

    def run(
        self,
        project: Path,
        job: str | None = None,
        workflow: str = "ci.yml",
        event: str = "pull_request",
        ref: str = "refs/heads/main",
        arguments: Sequence[str] = (),
        inputs: Mapping[str, str] | None = None,
        base: str | None = None,
        fork: bool = False,
    ) -> Run:
        """Commit the changes in ``project`` and run the workflow on it (or one job, with the jobs it needs).

        ``base`` is the commit that a pull request is compared with, or the commit before a push (default: the
        same commit). A pull request from a ``fork`` comes from another repo.

        Now and then, act 0.2.89 loses what a step printed just before it failed; then the workflow runs
        again.
        """
        if git(project, "status", "--porcelain"):
            commit_all(project, "What the test changed")
        for _ in range(3):
            payload = event_payload(project, ref, base, fork) | {"inputs": dict(inputs or {})}
            done = self._run(project, job, workflow, event, payload, arguments)
            if not done.lost_words():
                break
        return done

    def _run(
        self,
        project: Path,
        job: str | None,
        workflow: str,
        event: str,
        payload: Mapping[str, Any],
        arguments: Sequence[str],
    ) -> Run:
        self.runs += 1
        here = self.folder / str(self.runs)
        here.mkdir()
        file = project / ".github" / "workflows" / workflow
        (here / "event.json").write_text(json.dumps(payload), encoding="utf-8")
        read = here / workflow
        # act has no queues and refuses the key; it runs everything at once anyway.
        read.write_text(file.read_text(encoding="utf-8").replace("  queue: max\n", ""), encoding="utf-8")
        command = [tool("act"), event, "-W", read, "-e", here / "event.json"]
        command += ["-P", "ubuntu-latest=-self-hosted"]
        command += ["--no-cache-server", "--no-skip-checkout", "--json", "--env-file", os.devnull]
        command += ["--secret", "GITHUB_TOKEN=made-up", "--defaultbranch", "main"]
        command += self.local_repositories([*called_files(file), *local_actions(project)])
        environment = self.environment(project, here)
        if (project / SETUP).is_file():
            self.warm_up(project, file)
            environment["UV_OFFLINE"] = "1"
        for name, value in environment.items():
            command += ["--env", f"{name}={value}"]
        command += ["--job", job] if job else []
        path = os.pathsep.join([str(self.bin), "/usr/local/bin", "/usr/bin", "/bin"])
        done = subprocess.run(
            [*map(str, command), *arguments],
            cwd=project,
            env={"PATH": path, "HOME": str(self.home), "GIT_PAGER": "cat", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        parsed: dict[str, Any] = {"jobs": {}}
        for each in called_files(file):
            parsed["jobs"] |= yaml.safe_load(each.read_text(encoding="utf-8"))["jobs"]
        jobs, summaries, readable = read_log(done.stdout.splitlines())
        return Run(parsed, jobs, f"{readable}\n{done.stderr}", summaries, here / "artifacts", here / "gh.log")

    def warm_up(self, project: Path, workflow: Path) -> None:
        """Fill uv's cache with the packages that the jobs install, once for each pyproject.toml and program.

        Then the jobs run offline. Otherwise each one could request hundreds of pages from the package index.
        """
        text = workflow.read_text(encoding="utf-8")
        programs = [found.split() for found in re.findall(r"uvx (--from \S+ \S+)", text)]
        if "mlroad update" in text:
            programs.append(["--exclude-newer", EXCLUDE_NEWER, "--from", COPIER, "copier"])
        settings = (project / "pyproject.toml").read_text(encoding="utf-8")
        needed = {settings: ["sync", "--group", "azure"]}
        needed |= {repr(program): ["tool", "run", *program, "--version"] for program in programs}
        for key in needed.keys() - self.warm:
            with tempfile.TemporaryDirectory(dir=self.folder) as name:
                folder = Path(name)
                shutil.copy(project / "pyproject.toml", folder)
                if (project / "vendor").is_dir():
                    shutil.copytree(project / "vendor", folder / "vendor")
                call([tool("uv"), *needed[key]], folder, {"UV_CACHE_DIR": self.uv_cache})
                if key == settings and not self.shared:
                    self.shared = True
                    share_bytecode(folder / ".venv", Path(self.uv_cache))
            self.warm.add(key)

    def environment(self, project: Path, here: Path) -> dict[str, str]:
        """The environment variables of every step: what this machine needs, and the stand-ins' folders."""
        passed = {k: v for k, v in os.environ.items() if PASSED_ON.match(k) and k not in NOT_PASSED_ON}
        own_config = Path.home() / ".config" / "uv" / "uv.toml"
        if own_config.is_file():
            passed.setdefault("UV_CONFIG_FILE", str(own_config))
        return {
            **passed,
            "UV_CACHE_DIR": self.uv_cache,
            "MYPY_CACHE_DIR": str(self.mypy_cache(project)),
            "ACT_ORIGIN": str(project),
            "ACT_UV_BIN": str(self.uv_bin),
            "ACT_DOTNET": str(Path(shutil.which("dotnet") or "no-sdk/dotnet").parent),
            "ACT_ARTIFACTS": str(here / "artifacts"),
            "ACT_GH_LOG": str(here / "gh.log"),
            "NO_COLOR": "1",
            "GIT_PAGER": "cat",
        }

    def mypy_cache(self, project: Path) -> Path:
        """A folder for each mypy.ini. mypy knows a library by its content, wherever a job installs it."""
        settings = project / "mypy.ini"
        content = settings.read_bytes() if settings.is_file() else b""
        return self.folder / "mypy" / hashlib.sha256(content).hexdigest()[:12]

    def local_repositories(self, files: Sequence[Path]) -> list[str]:
        """act's flags that replace every action in use with a stand-in, as a git repo."""
        flags = []
        used = {use for file in files for use in USES.findall(file.read_text(encoding="utf-8"))}
        for name, sha in sorted(used):
            source = STAND_INS / name
            assert source.is_dir(), f"{files[0].name} uses {name}: write a stand-in, {source}/action.yml"
            repo = self.folder / "actions" / name
            if not repo.exists():
                shutil.copytree(source, repo)
                git(repo, "init", "--quiet")
                commit_all(repo, "Stand-in")
            flags += ["--local-repository", f"{name}@{sha}={repo}"]
        return flags


def called_files(workflow: Path) -> list[Path]:
    """The file of a workflow, and the reusable workflows of the same repo that its jobs call."""
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    called = {str(job["uses"]) for job in jobs if str(job.get("uses", "")).startswith("./")}
    return [workflow, *(workflow.parents[2] / name for name in sorted(called))]


def local_actions(project: Path) -> list[Path]:
    """The composite actions of the repo itself."""
    return sorted((project / ".github" / "actions").glob("*/action.yml"))


def event_payload(
    project: Path, ref: str = "refs/heads/main", base: str | None = None, fork: bool = False
) -> dict[str, Any]:
    """The events that GitHub would send for a pull request and for a push to ``ref``."""
    repository = {"full_name": "my-org/demo", "default_branch": "main", "fork": False}
    theirs = {"full_name": "somebody/demo", "default_branch": "main", "fork": True} if fork else repository
    sha = git(project, "rev-parse", "HEAD").strip()
    before = git(project, "rev-parse", base).strip() if base else sha
    return {
        "ref": ref,
        "before": before,
        "after": sha,
        "repository": repository,
        "pull_request": {
            "number": 1,
            "head": {"ref": "topic", "sha": sha, "repo": theirs},
            "base": {"ref": "main", "sha": before, "repo": repository},
        },
    }


def read_log(lines: Sequence[str]) -> tuple[list[Job], dict[str, str], str]:
    """The jobs, their summaries and a readable log, from act's JSON lines."""
    jobs: dict[str, Job] = {}
    summaries: dict[str, str] = {}
    readable = []
    for line in lines:
        entry = json.loads(line)
        message = entry.get("msg", "").rstrip("\n")
        readable.append(f"[{entry.get('job', 'act')}] {message}")
        if "jobID" not in entry:
            continue
        matrix = entry.get("matrix") or {}
        # Jobs of a reusable workflow report no matrix; they differ by name.
        key = f"{entry['jobID']} {entry['job'].strip()} {sorted(matrix.items())}"
        job = jobs.setdefault(key, Job(entry["jobID"], entry["job"].strip(), matrix))
        job.result = entry.get("jobResult", job.result)
        # The steps of a composite action have longer ids, and belong to the step that uses the action.
        ids = entry.get("stepID") or []
        if not ids or entry.get("stage") != "Main":
            continue
        step = job.steps.setdefault(ids[0], Step(entry["step"]))
        if len(ids) == 1 and "stepResult" in entry:
            step.result = entry["stepResult"]
        if entry.get("command") == "summary":
            summaries[job.name] = summaries.get(job.name, "") + entry.get("content", "")
        step.log += message + "\n"
    return list(jobs.values()), summaries, "\n".join(readable)


def made_up_token() -> str:
    """A string that looks like a GitHub token, built at run time so that no file in the repo has one."""
    return "gh" + "p_" + "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=36))


def edit_wheel(repo: Path, module: str, old: str, new: str) -> None:
    """Change one file of the committed wheel, and the wheel's SHA-256 with it."""
    [wheel] = (repo / "vendor").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    text = files[module].decode()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {module}"
    files[module] = text.replace(old, new).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (repo / "vendor" / "SHA256SUMS").write_text(f"{digest}  {wheel.name}\n", encoding="utf-8")
