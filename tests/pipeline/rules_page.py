"""`python -m tests.pipeline.rules_page` writes docs/reference/check-rules.md from modelkit/rules.py."""

from __future__ import annotations

import sys
from pathlib import Path

from modelkit.rules import RULES
from tests.pipeline.mutations import MUTATIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "check-rules.md"
GROUPS = {
    "MK10": "Files",
    "MK11": "Keys and names",
    "MK12": "What a file refers to",
    "MK13": "What a file is",
    "MK20": "Wiring",
    "MK21": "Wiring, types",
    "MK22": "Values",
    "MK23": "Datasets and references",
    "MK24": "Commands",
    "MK25": "Running in Azure ML",
    "MK30": "Scripts",
    "MK31": "Scripts and their components",
    "MK40": "Paths and imports in scripts",
    "MK60": "The tool itself",
}
HEAD = """# The rules of `modelkit check`

`modelkit check [PATH…]` checks model folders, YAML files and scripts, or without a PATH the whole repo, and
prints everything it finds at once:

```
models/iris/pipeline.yml:28:7: MK201: The component iris_train has no input dept. Did you mean depth?
```

file, line and column; the rule; what is wrong; what to do. A code keeps its meaning for ever. An **error** is
what Azure ML or a run fails on, and makes the exit code 1; a **warning** works, but hardly as it was meant,
and leaves it 0. A mistake on the command line makes it 2. `--format json`, `github` (beside the lines of a
pull request) and `sarif` (code scanning, editors) say the same.
Why a rule is an error or a warning: [the pipeline checker](../explanation/pipeline-checker.md).
"""


def page() -> str:
    """The page, with an example of each rule where the tests have one."""
    warned = {mutation.code for mutation in MUTATIONS if mutation.severity == "warning"}
    examples = {mutation.code: mutation.title for mutation in reversed(MUTATIONS)}
    lines = [HEAD]
    group = ""
    for code, title in RULES.items():
        if GROUPS[code[:4]] != group:
            group = GROUPS[code[:4]]
            lines += ["", f"## {group}", "", "| code | | what | for example |", "| --- | --- | --- | --- |"]
        severity = "warning" if code in warned or code in {"MK406", "MK601"} else "error"
        example = examples.get(code, "").replace("$[[ ]]", "`$[[ ]]`")
        lines.append(f"| {code} | {severity} | {title} | {example} |".replace("  |", " |"))
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {PAGE}\n")
