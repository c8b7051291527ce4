"""The options that a command gives to a script which reads them with argparse.

argparse ends the step at an option that it does not know. Only a script whose options are all plain to see
is checked: one parser, made and used in the script that the command starts, with literal names.
"""

import ast
import re
from collections.abc import Sequence
from pathlib import Path

from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.model import CommandComponent
from mlroad.steps.scripts import Script, imported_names, read_script

_OPTION = re.compile(r"(?<!\S)--[A-Za-z][\w-]*")
_UNCLEAR = frozenset({
    "argv", "parse_known_args", "parse_known_intermixed_args", "add_subparsers", "BooleanOptionalAction",
    "REMAINDER", "set_defaults",
})  # fmt: skip


def check_options(component: CommandComponent, script: Path, command: str, out: Findings) -> None:
    """Check ``command``, one plain call of ``script``."""
    known = _options(read_script(script))
    if not known or re.search(r"(?<!\S)--(?!\S)", command):
        return
    for option in dict.fromkeys(_OPTION.findall(command)):
        # argparse takes the start of an option for the option.
        if not any(one.startswith(option) for one in known):
            node = component.command_node
            at = node.position_of(option) if node is not None else component.command_at
            what = f"{script.name} has no option {option}."
            out.error(at, "MR249", what, suggest(option, sorted(known), "Add it to the script."))


def _options(script: Script) -> set[str] | None:
    """The options of a script; None if they cannot be told for certain."""
    names = imported_names(script.nodes)
    known = {"--help"}
    parsers, holders, passed = 0, set[str](), set[str]()
    reads = False
    for node in script.nodes:
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in _UNCLEAR:
                return None
            case ast.Assign([ast.Name(name)], ast.Call(func)) if _is_parser(func, names):
                holders.add(name)
            case ast.Call(ast.Attribute(_, "add_argument"), arguments):
                literal = _literals(arguments)
                if literal is None:
                    return None
                known.update(literal)
            case ast.Call(ast.Attribute(_, "parse_args"), arguments, keywords):
                if arguments or keywords:
                    return None
                reads = True
            case ast.Call(func, arguments, keywords):
                if _is_parser(func, names):
                    parsers += 1
                    if {key.arg for key in keywords} & {
                        None,
                        "parents",
                        "prefix_chars",
                        "fromfile_prefix_chars",
                    }:
                        return None
                given = [*arguments, *(key.value for key in keywords)]
                passed |= {one.id for one in given if isinstance(one, ast.Name)}
            case _:
                pass
    return known if reads and parsers == 1 and len(holders) == 1 and not holders & passed else None


def _is_parser(func: ast.expr, names: dict[str, str]) -> bool:
    match func:
        case ast.Attribute(ast.Name(module), "ArgumentParser"):
            return names.get(module) == "argparse"
        case ast.Name(name):
            return names.get(name) == "argparse.ArgumentParser"
    return False


def _literals(arguments: Sequence[ast.expr]) -> list[str] | None:
    texts = [one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return texts if len(texts) == len(arguments) else None
