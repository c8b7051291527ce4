"""Rules on the command of a component: its names and its optional parts."""

import re
import sys
from bisect import bisect_right
from operator import itemgetter
from pathlib import Path

from mlroad.core.problems import Position
from mlroad.core.text import nearest
from mlroad.pipeline.expressions import (
    CLOSE,
    OPEN,
    OPTIONAL_OPEN,
    expressions,
    optional_spans,
    positions,
    unclosed,
)
from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.model import CommandComponent
from mlroad.pipeline.repo_index import exists, is_file, is_folder
from mlroad.pipeline.shell_syntax import quote_after, shell_fault

_BEFORE = r"(?:\s*(?:set|echo|export|ls|date|nvidia-smi|(?:python3? -m )?pip3?)\b[^\n;&|>]*(?:&&|;|\n))*"
"""Commands before the script that put no file into the folder and do not leave it."""
_SCRIPT = re.compile(_BEFORE + r"\s*python3?\s+(?:-u\s+)?(?P<script>(?!-)[\w./\\-]+\.py)(?=\s|$)")
_MODULE = re.compile(_BEFORE + r"\s*python3?\s+(?:-u\s+)?-m\s+(?P<top>\w+)")
_ALMOST = re.compile(
    r"(?<!\$\{)(?:\$\{|\$\(|\$\[\[|\$|(?<![${])\{\{)\s?(?P<place>inputs|outputs)\.(?P<name>\w+)\s?(?:\}\}|\}|\)|\]\])?"
)

_READ_BY_BASH = {
    "": re.compile(r"""["'`;&|<>()\\*?\n]|\$[\w({?!#*@$-]|(?:^|\s)[#~]"""),
    '"': re.compile(r'["`]|\$[\w({?!#*@$-]|\\(?=["$`\\]|$)'),
    "'": re.compile("'"),
}
"""What bash does not take as it is, by the quote that is open. Blanks may be meant to separate words."""
_UNUSUAL = re.compile(r"""["'`;&|<>()\\*?\n$#~]""")


def check_command(component: CommandComponent, out: Findings) -> None:
    """Check the command of ``component`` against its declared inputs and outputs."""
    command = component.command
    if not command.strip():
        # The schema has reported a missing command.
        if component.command_node is not None:
            out.error(component.command_at, "MR247", "The command is empty.", "Write what the step runs.")
        return
    spans = optional_spans(command)
    found = expressions(command)
    texts = [command[expression.start : expression.end] for expression in found]
    node = component.command_node
    places = node.positions_of(texts) if node is not None else [component.command_at] * len(texts)
    starts = {start for start, _ in spans}
    open_from = next((at for at in positions(command, OPTIONAL_OPEN) if at not in starts), len(command))
    for expression, at in zip(found, places, strict=True):
        span = bisect_right(spans, expression.start, key=itemgetter(0)) - 1
        inside = expression.start > open_from or (span >= 0 and expression.end <= spans[span][1])
        _expression(component, expression.body, at, inside, out)
    stray = unclosed(command)
    if stray is not None:
        what = "This expression is not closed, is empty or contains spaces."
        fix = f"Write {OPEN}inputs.NAME{CLOSE} or {OPEN}outputs.NAME{CLOSE}."
        nth = command.count(OPEN, 0, stray)
        out.error(_position(component, OPEN, nth), "MR245", what, fix)
    _unclosed_optional(component, spans, out)
    _almost(component, out)
    if stray is None:
        fault = shell_fault(command)
        if fault:
            out.error(component.command_at, "MR246", *fault)
    _script(component, out)
    for port in component.inputs.values():
        if isinstance(port.default, str):
            check_text(component, port.name, port.default, port.at, out)


def check_text(component: CommandComponent, name: str, text: str, at: Position, out: Findings) -> None:
    """Check a text that becomes the input ``name``: it goes into the command as it is, without quoting."""
    if not _UNUSUAL.search(text):
        return
    command = component.command
    uses = (it for it in expressions(command) if it.body == f"inputs.{name}")
    signs = (_READ_BY_BASH[quote_after(command[: it.start])].search(text) for it in uses)
    if sign := next(filter(None, signs), None):
        what = f"The value of {name} ({text}) has {sign.group()!r}, which bash interprets: nothing quotes it."
        out.warning(at, "MR234", what, "Choose a value without it.")


def _expression(component: CommandComponent, body: str, at: Position, inside: bool, out: Findings) -> None:
    kind, _, rest = body.partition(".")
    if kind == "inputs" and rest:
        name = rest if rest in component.inputs else rest.partition(".")[0]
        port = component.inputs.get(name)
        if port is None:
            where = "the step" if component.inline else "the component"
            what = f"The command uses the input {rest}, which {where} does not declare."
            out.error(at, "MR241", what, suggest(rest, component.inputs, "Declare it under inputs."))
        elif port.optional and port.default is None and not inside:
            what = f"{rest} is optional, so the command must work without it."
            fix = f"Write $[[--{rest} {OPEN}inputs.{rest}{CLOSE}]], which is dropped if there is no value."
            out.error(at, "MR243", what, fix)
    elif kind == "outputs" and rest:
        name = rest if rest in component.outputs else rest.partition(".")[0]
        if name not in component.outputs:
            where = "the step" if component.inline else "the component"
            what = f"The command uses the output {rest}, which {where} does not declare."
            out.error(at, "MR242", what, suggest(rest, component.outputs, "Declare it under outputs."))
    else:
        last = body.rsplit(".", maxsplit=1)[-1]
        fix = f"A command can use only {OPEN}inputs.NAME{CLOSE} and {OPEN}outputs.NAME{CLOSE}."
        for place, names in (("inputs", component.inputs), ("outputs", component.outputs)):
            near = nearest(last, names)
            if near:
                fix = f"Did you mean {OPEN}{place}.{near}{CLOSE}?"
                break
        out.error(at, "MR245", f"{OPEN}{body}{CLOSE} is not valid in a command.", fix)


def _almost(component: CommandComponent, out: Findings) -> None:
    """Expressions of Azure ML in the wrong braces, which reach the shell as they are."""
    for found in _ALMOST.finditer(component.command):
        names = component.inputs if found["place"] == "inputs" else component.outputs
        name = found["name"]
        # A shell has no names with dots; other braces may be meant as text, unless the name is one of ours.
        if name in names or found[0].startswith("$"):
            what = f"{found[0]} is not an expression: the shell receives it as it is."
            fix = f"Did you mean {OPEN}{found['place']}.{name}{CLOSE}?"
            # bash reads $[…] as arithmetic and passes on what it cannot compute, so this may work.
            note = out.warning if found[0].startswith("$[[") else out.error
            note(_position(component, found[0], 0), "MR245", what, fix)
            return


def _unclosed_optional(component: CommandComponent, spans: list[tuple[int, int]], out: Findings) -> None:
    starts = {start for start, _ in spans}
    for nth, at in enumerate(positions(component.command, OPTIONAL_OPEN)):
        if at not in starts:
            # Inside of another one, which is then the one that is not closed.
            nested = bool(spans) and at < spans[-1][1]
            position = _position(component, OPTIONAL_OPEN, nth - 1 if nested else nth)
            out.error(position, "MR244", "$[[ is not closed.", "Write ]] after the optional part.")
            return


def _script(component: CommandComponent, out: Findings) -> None:
    """In the cloud, a script that is not in the code folder fails only after ten minutes."""
    code = component.code
    if code is None or component.additional_includes or not exists(code):
        return
    match = _SCRIPT.match(component.command)
    if match is None:
        _module(component, code, out)
        return
    if "\\" in match["script"]:
        what = f"{match['script']} has backslashes, which the shell of Azure ML (Linux) removes."
        fix = f"Write {match['script'].replace(chr(92), '/').replace('//', '/')}."
        out.error(_position(component, match["script"], 0), "MR248", what, fix)
        return
    script = Path(match["script"])
    held = code / script if is_folder(code) else code.parent / script
    if script.is_absolute() or is_file(held):
        return
    near = (
        nearest(script.name, [item.name for item in held.parent.glob("*.py")])
        if is_folder(held.parent)
        else None
    )
    what = f"The script {match['script']} is not in the code folder."
    fix = f"Did you mean {near}?" if near else "Check its name; the command runs in the code folder."
    out.error(_position(component, match["script"], 0), "MR248", what, fix)


def _module(component: CommandComponent, code: Path, out: Findings) -> None:
    """`python -m NAME`, where NAME may be installed: only what is nearly a name in the code is reported."""
    match = _MODULE.match(component.command)
    if match is None or not is_folder(code) or match["top"] in sys.stdlib_module_names:
        return
    here = [item.stem for item in code.iterdir() if item.suffix == ".py" or is_folder(item)]
    near = nearest(match["top"], here, 0.85)
    if near and match["top"] not in here:
        what = f"The module {match['top']} is not in the code folder."
        out.warning(_position(component, match["top"], 0), "MR248", what, f"Did you mean {near}?")


def _position(component: CommandComponent, fragment: str, occurrence: int) -> Position:
    node = component.command_node
    return node.position_of(fragment, occurrence) if node is not None else component.command_at
