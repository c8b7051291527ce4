"""A run on a terminal: finished steps scroll by; below, each running step shows its last line of log."""

import threading

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mlroad.core.text import duration
from mlroad.run.log_reader import last_lines
from mlroad.run.run_state import RunState, StateName, StepState
from mlroad.run.run_summary import ending, headline, outcome

_SIGNS: dict[StateName, tuple[str, str]] = {
    "completed": ("✓", "green"),
    "reused": ("↺", "cyan"),
    "failed": ("✗", "bold red"),
    "timed out": ("✗", "bold red"),
    "cancelled": ("-", "yellow"),
    "skipped": ("-", "yellow"),
}
_PLAIN_SIGNS = {"✓": "+", "↺": "=", "✗": "x"}
_MOST_SHOWN = 12


class LiveDisplay:
    """Colours, and a part that rich redraws four times a second. rich respects NO_COLOR."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._run: RunState | None = None
        self._live = Live(
            console=self._console, get_renderable=self._picture, refresh_per_second=4, transient=True
        )
        self._spinners: dict[str, Spinner] = {}
        self._lock = threading.Lock()

    def begin(self, run: RunState) -> None:
        self._run = run
        self._console.print(Text(headline(run), style="bold"))
        self._live.start()

    def step_begins(self, step: StepState) -> None:
        if step.reason:
            self._print(Text(f"  {step.name} starts: {step.reason}", style="dim"))

    def step_ended(self, step: StepState) -> None:
        self._print(self._sign(step).append(f"{step.name} ").append(outcome(step), style="dim"))
        for warning in step.warnings:
            self._print(Text(f"  {step.name}: warning: {warning}", style="yellow"))

    def note(self, text: str) -> None:
        self._print(Text(text, style="yellow"))

    def end(self, run: RunState) -> None:
        self._live.stop()
        styles: dict[str, str] = {"completed in": "green", "failed in": "bold red", "cancelled in": "yellow"}
        for line in ending(run):
            style = next((style for start, style in styles.items() if line.startswith(start)), "")
            self._console.print(Text(line, style=style), soft_wrap=True)

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _sign(self, step: StepState) -> Text:
        sign, style = _SIGNS.get(step.state, (" ", ""))
        if not (self._console.encoding or "").lower().startswith("utf"):
            sign = _PLAIN_SIGNS.get(sign, sign)
        return Text(f"{sign} ", style=style)

    def _picture(self) -> Group:
        """The part that is redrawn: at most a dozen running steps, and the progress of the run."""
        run = self._run
        if run is None:
            return Group()
        steps = list(run.steps.values())
        running = [step for step in steps if step.state == "running"]
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for step in running[:_MOST_SHOWN]:
            with self._lock:
                spinner = self._spinners.setdefault(step.name, Spinner("dots"))
            said = last_lines(step.log, 1, self._console.width)
            table.add_row(
                spinner, step.name, duration(step.seconds), Text(said[0] if said else "", style="dim")
            )
        done = sum(step.state not in ("waiting", "running") for step in steps)
        about = f"{done} of {len(steps)} done, {len(running)} running, {duration(run.seconds)}"
        return Group(table, Text(about, style="bold"))
