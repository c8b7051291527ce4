"""A run that is killed or runs out of resources leaves no process and no wrong output, and keeps its log."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.run.project import Project, alive, held_by, new_mark, wait_for, wait_for_the_end_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX's")
linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are found by /proc, which only Linux has")

ENVIRONMENT = "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1"


def pipeline(*commands: str, code: str = "", settings: str = "") -> str:
    """A pipeline of steps s0, s1, … one after the other, each with the output ``out``."""
    lines = ["type: pipeline", settings, "jobs:"]
    for number, command in enumerate(commands):
        lines += [f"  s{number}:", "    type: command", f"    {ENVIRONMENT}"]
        lines += [f"    code: {code}"] if code else []
        lines += ["    command: |", *(f"      {line}" for line in command.splitlines())]
        lines += ["    outputs: {out: {type: uri_folder}}"]
        if number:
            lines += [f"    inputs: {{before: '${{{{parent.jobs.s{number - 1}.outputs.out}}}}'}}"]
    return "\n".join(lines) + "\n"


def test_ctrl_c(project: Project) -> None:
    """Ctrl-C ends the steps with all their children, says so, and exits with 130."""
    mark = new_mark()
    project.model("m", {"pipeline.yml": pipeline(f"sleep {mark} & sleep {mark}", "echo never")})
    process = project.start("run", "models/m")
    wait_for(lambda: len(alive(mark)) >= 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert not err
    assert "cancelled in" in out
    assert not alive(mark)
    record = json.loads((project.runs()[0] / "run.json").read_text())
    assert (record["state"], record["exit_code"]) == ("cancelled", 130)
    assert {name: step["state"] for name, step in record["steps"].items()} == {
        "s0": "cancelled",
        "s1": "skipped",
    }


def test_a_step_that_will_not_end(project: Project) -> None:
    """A step that ignores SIGTERM is killed with SIGKILL."""
    mark = new_mark()
    project.model(
        "m", {"pipeline.yml": pipeline(f"trap '' TERM INT; echo ready; while true; do sleep 0.{mark}; done")}
    )
    process = project.start("run", "models/m")
    wait_for(lambda: "ready" in project.log_of("s0"))
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert not alive(mark)


@linux
def test_what_a_step_leaves_running_ends_with_it(project: Project) -> None:
    """Background jobs, other sessions and daemons end with the step, as in a container."""
    mark = new_mark()
    daemons = f"sleep {mark} &\n(setsid sleep {mark} &)\n(setsid env -i sleep {mark} &)\nsleep 0.3"
    project.model("m", {"pipeline.yml": pipeline(daemons)})
    assert project.run("models/m").exit == 0
    assert not alive(mark)


@linux
def test_a_daemon_ends_while_another_step_runs(project: Project) -> None:
    """The orphan of one step is found by its environment variables, and the other step keeps running."""
    mark = new_mark()
    seen, over = project.root / "seen", project.root / "over"
    text = f"""
type: pipeline
jobs:
  forks: {{type: command, {ENVIRONMENT}, command: "(setsid sleep {mark} &); {held_by(seen)}"}}
  other: {{type: command, {ENVIRONMENT}, command: "{held_by(over)}; echo still here"}}
"""
    project.model("m", {"pipeline.yml": text})
    process = project.start("run", "models/m", "--jobs", "2")
    wait_for(lambda: any(line.startswith("sleep") for line in alive(mark).values()))
    seen.touch()
    wait_for_the_end_of(lambda: alive(mark))
    assert process.poll() is None
    over.touch()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert project.log_of("other") == "still here\n"


@linux
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_kill_9_of_the_runner_at_any_moment(project: Project, seed: int) -> None:
    """No process survives, nothing half-written is trusted, and the next run finishes the work."""
    chance = random.Random(seed)
    mark = new_mark()
    work = "for n in $(seq 20); do echo $n >> ${{outputs.out}}/n; sleep 0.01; done"
    step = f"echo start; (setsid sleep {mark} &)\n{work}"
    project.model("m", {"pipeline.yml": pipeline(step, step, step)})
    process = project.start("run", "models/m")
    if seed:  # 0 is killed during startup, the others some time after a step has started
        wait_for(lambda: project.log_of(f"s{seed % 3}"))
    time.sleep(chance.uniform(0, 0.4))
    process.kill()
    process.communicate()
    wait_for_the_end_of(lambda: {**project.processes(), **alive(mark)})
    again = project.run("models/m")
    assert set(again.states.values()) <= {"completed", "reused"}
    assert again.folder
    for number in range(3):
        out = again.folder / f"steps/s{number}/outputs/out/n"
        assert out.read_text() == "".join(f"{n}\n" for n in range(1, 21))
    assert not alive(mark)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_kill_9_of_a_step_at_any_moment(project: Project, seed: int) -> None:
    """A step that the kernel kills has failed, and its partial output is not used."""
    chance = random.Random(seed)
    mark = new_mark()
    script = "import time\nfor n in range(2000):\n    print(n, flush=True)\n    time.sleep(0.05)\n"
    text = pipeline(f"echo x > ${{{{outputs.out}}}}/x; exec python long.py {mark}", code="./src")
    project.model("m", {"pipeline.yml": text, "src/long.py": script})
    process = project.start("run", "models/m")
    wait_for(lambda: alive(mark))
    time.sleep(chance.uniform(0, 0.5))
    for pid in alive(mark):
        os.kill(pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "s0 failed: exit code 137" in out
    assert not (project.runs()[0] / "steps/s0/outputs").exists()
    assert project.run("models/m", "--dry-run").exit == 0


@linux
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk(project: Project, tmp_path: Path) -> None:
    """A step that fills the disk fails and is not reused. With free space, the next run succeeds."""
    disk = tmp_path / "repo" / ".runs"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        fill = "head -c 20000000 /dev/zero > ${{outputs.out}}/big"
        project.model("m", {"pipeline.yml": pipeline("echo fine > ${{outputs.out}}/x", fill)})
        full = project.run("models/m")
        assert full.exit == 1
        assert "Traceback" not in full.out + full.err
        assert "No space left on device" in full.out
        project.model(
            "m", {"pipeline.yml": pipeline("echo fine > ${{outputs.out}}/x", "cat ${{inputs.before}}/x")}
        )
        subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
        again = project.run("models/m")
        assert again.exit == 0
        assert again.log("s1") == "fine\n"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@linux
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_full_from_the_start(project: Project, tmp_path: Path) -> None:
    disk = tmp_path / "repo" / ".runs"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], check=True)
    try:
        (disk / "filler").write_bytes(b"x" * 12288)
        project.model("m", {"pipeline.yml": pipeline("echo fine")})
        full = project.run("models/m")
        assert full.exit in (1, 2)
        assert "Traceback" not in full.out + full.err
        assert "No space left on device" in full.out + full.err
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_an_input_without_read_permission(project: Project) -> None:
    model = project.model("m", {"pipeline.yml": _reads("./raw.txt"), "raw.txt": "x"})
    (model / "raw.txt").chmod(0)
    result = project.run("models/m")
    assert result.exit == 1
    assert "raw.txt: Permission denied" in result.out


@linux
@pytest.mark.parametrize("kind", ["uri_file", "uri_folder"])
def test_an_input_that_fails_while_it_is_read(project: Project, kind: str) -> None:
    """As on a bad disk or a lost network share: the error has no file name, but the message does."""
    project.model(
        "m", {"pipeline.yml": _reads("./raw", kind), "raw/x" if kind == "uri_folder" else "raw": ""}
    )
    bad = project.root / "models/m/raw" / ("x" if kind == "uri_folder" else "")
    bad.unlink()
    bad.symlink_to("/proc/self/mem")
    result = project.run("models/m")
    assert result.exit == 1
    assert f"{bad}: Input/output error" in result.out
    assert result.record["steps"]["a"]["reason"] == f"{bad}: Input/output error"


@pytest.mark.parametrize(("kind", "make"), [("uri_file", "mkdir"), ("uri_folder", "rm -r OUT && touch")])
def test_an_output_of_the_wrong_kind_fails_the_step_that_made_it(
    project: Project, kind: str, make: str
) -> None:
    """A file that is a folder, and a folder that is a file: not the step that reads it is to blame."""
    out = "${" + "{outputs.out}}"
    command = f"{make} OUT".replace("OUT", out)
    text = f"""type: pipeline
jobs:
  makes: {{type: command, {ENVIRONMENT}, command: "{command}", outputs: {{out: {{type: {kind}}}}}}}
  reads: {{type: command, {ENVIRONMENT}, command: "ls ${{{{inputs.x}}}}",
          inputs: {{x: "${{{{parent.jobs.makes.outputs.out}}}}"}}}}
"""
    project.model("m", {"pipeline.yml": text})
    result = project.run("models/m")
    assert result.exit == 1
    makes, reads = (result.record["steps"][name] for name in ("makes", "reads"))
    assert makes["state"] == "failed"
    assert f"its output out is of type {kind}, but it made a" in makes["reason"]
    assert reads["state"] != "failed"


def test_an_input_that_is_missing(project: Project) -> None:
    project.model("m", {"pipeline.yml": _reads("./raw.txt")})
    result = project.run("models/m")
    assert result.exit == 2
    assert "models/m/pipeline.yml:3:" in result.err
    assert "raw.txt" in result.err
    assert result.folder is None


def test_an_input_that_cannot_be_read_to_its_end(project: Project) -> None:
    """In an input folder with a broken link and a FIFO, only the files are read."""
    model = project.model("m", {"pipeline.yml": _reads("./raw", kind="uri_folder"), "raw/x": "x"})
    (model / "raw/broken").symlink_to("nowhere")
    os.mkfifo(model / "raw/pipe")
    assert project.run("models/m").exit == 0


@linux
@pytest.mark.slow
def test_a_gigabyte_of_log(project: Project) -> None:
    """The log is complete, the runner needs little memory, and the display loses no line."""
    project.model(
        "m", {"pipeline.yml": pipeline("yes 0123456789012345678901234567890123456789 | head -c 1073741824")}
    )
    process = project.start("run", "models/m", "--quiet")
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM" in status else 0)
        except OSError:
            break
        time.sleep(0.02)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (project.runs()[0] / "logs/s0.txt").stat().st_size == 1 << 30
    assert peak < 80 * 1024, f"{peak} kB"


@pytest.mark.slow
def test_no_line_is_lost_on_the_way_to_the_display(project: Project) -> None:
    """When steps write at the same time, every line appears once, in order, after its step's name."""
    text = f"""
type: pipeline
jobs:
  a: {{type: command, {ENVIRONMENT}, command: "seq 200000"}}
  b: {{type: command, {ENVIRONMENT}, command: "seq 200000; printf 'no newline at the end'"}}
"""
    project.model("m", {"pipeline.yml": text})
    result = project.run("models/m", "--jobs", "2")
    lines = result.out.splitlines()
    for name in ("a", "b"):
        own = [line.removeprefix(f"[{name}] ") for line in lines if line.startswith(f"[{name}] ")]
        assert own[:200000] == [str(number) for number in range(1, 200001)]
    assert "[b] no newline at the end" in lines


@pytest.mark.slow
def test_two_runs_at_once_on_one_model(project: Project) -> None:
    """Each run has its own folder and complete results, and the reuse entries stay valid."""
    step = "for n in $(seq 30); do echo $n >> ${{outputs.out}}/n; sleep 0.01; done"
    project.model("m", {"pipeline.yml": pipeline(*[step] * 4)})
    for _ in range(2):
        both = [project.start("run", "models/m"), project.start("run", "models/m", "--keep", "1")]
        for process in both:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, out + err
    whole = "".join(f"{n}\n" for n in range(1, 31))
    last = project.run("models/m")
    assert set(last.states.values()) == {"reused"}
    assert last.folder
    assert all((last.folder / f"steps/s{n}/outputs/out/n").read_text() == whole for n in range(4))


def test_a_reader_that_leaves(project: Project) -> None:
    """`mlroad run … | head -1`: the run stops, like a program that gets SIGPIPE."""
    mark = new_mark()
    project.model(
        "m", {"pipeline.yml": pipeline(f"while true; do echo {mark} {'x' * 2000}; sleep 0.1; done")}
    )
    process = project.start("run", "models/m")
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) != 0
    assert process.stderr
    assert "Traceback" not in process.stderr.read()
    assert not alive(mark)


def _reads(path: str, kind: str = "uri_file") -> str:
    return f"""type: pipeline
inputs:
  raw: {{type: {kind}, path: {path}}}
jobs:
  a: {{type: command, {ENVIRONMENT}, command: echo read, inputs: {{raw: "${{{{parent.inputs.raw}}}}"}}}}
"""
