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

`mlroad check [PATH…]` checks model folders, YAML files and scripts (default: the whole repo), and prints all
problems at once:

```text
models/iris/pipeline.yml:28:7: MR201: The component iris_train has no input dept. Did you mean depth?
```

A message names the file, line and column, the rule, what is wrong and what to do. A code never changes its
meaning.

- An **error** makes Azure ML or a run fail; the exit code is 1.
- A **warning** works, but probably not as intended; the exit code stays 0.
- A mistake on the command line exits with 2.

`--format json`, `github` (annotations in a pull request) and `sarif` (code scanning, editors) print the same
problems.
[The pipeline checker](../explanation/pipeline-checker.md) explains why a rule is an error or a warning.
"""


def page() -> str:
    """The page, with an example for each rule that the tests cover."""
    by_severity = {
        severity: {
            mutation.code for mutation in MUTATIONS if getattr(mutation, "severity", "error") == severity
        }
        for severity in ("warning", "error")
    }
    warned = by_severity["warning"] - by_severity["error"]
    examples = {mutation.code: mutation.title for mutation in reversed(MUTATIONS)}
    lines = [HEAD]
    group = ""
    for code, title in RULES.items():
        if GROUPS[code[:4]] != group:
            group = GROUPS[code[:4]]
            lines += ["", f"## {group}", "", "| code | | what | for example |", "| --- | --- | --- | --- |"]
        severity = "warning" if code in warned or code in {"MR119", "MR406", "MR601"} else "error"
        example = examples.get(code, "").replace("$[[ ]]", "`$[[ ]]`")
        lines.append(f"| {code} | {severity} | {title} | {example} |".replace("  |", " |"))
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {PAGE}\n")
