"""`python -m tests.unit.pipeline.rules_page` writes docs/reference/check-rules.md from the rule codes."""

from __future__ import annotations

import sys
from pathlib import Path

from mlroad.core.rule_codes import RULES
from tests.unit.pipeline.mutations import MUTATIONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "check-rules.md"
GROUPS = {
    "MR10": "Files",
    "MR11": "Keys and names",
    "MR12": "What a file refers to",
    "MR13": "What a file is",
    "MR20": "Wiring",
    "MR21": "Wiring, types",
    "MR22": "Values",
    "MR23": "Datasets and references",
    "MR24": "Commands",
    "MR25": "Running in Azure ML",
    "MR30": "Scripts",
    "MR31": "Scripts and their components",
    "MR40": "Paths and imports in scripts",
    "MR60": "The tool itself",
}
HEAD = """# The rules of `mlroad check`

`mlroad check [PATH…]` checks model folders, YAML files and scripts, or without a PATH the whole repo, and
prints everything it finds at once:

```
models/iris/pipeline.yml:28:7: MR201: The component iris_train has no input dept. Did you mean depth?
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
        severity = "warning" if code in warned or code in {"MR406", "MR601"} else "error"
        example = examples.get(code, "").replace("$[[ ]]", "`$[[ ]]`")
        lines.append(f"| {code} | {severity} | {title} | {example} |".replace("  |", " |"))
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {PAGE}\n")
