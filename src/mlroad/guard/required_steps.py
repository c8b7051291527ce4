"""The steps that the workflows of a generated repo must have; `mlroad guard selftest` looks for them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RequiredStep:
    """A step whose whole script matches ``pattern``. ``word`` finds it if somebody has changed the script.

    ``ifs`` are the conditions that its job or the step may have, ``env`` variables that it must have, and
    ``environment`` is that of its job: its reviewers and secrets belong to the step.
    """

    word: str
    pattern: str
    ifs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""

    def matches(self, script: str) -> bool:
        """Whether a script is this command and nothing else, so that its exit code decides."""
        return re.fullmatch(self.pattern, plain(script)) is not None


def plain(script: str) -> str:
    """A script without comments, line continuations and outer white space."""
    lines = re.sub(r"\\\n", " ", script).splitlines()
    kept = (re.sub(r"\s+", " ", line.strip()) for line in lines)
    return "\n".join(line for line in kept if line and not line.startswith("#"))


BASE = "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha || github.event.before }}"
_ANY_MODEL = ("needs.check.outputs.models != '[]'",)
_AFFECTED = ("needs.affected.outputs.models != '[]'",)
_PROD = ("inputs.stage == 'prod'",)
_CODE = ("steps.code.outputs.files != ''",)
_TESTS = ("${{ !cancelled() && steps.setup.outcome == 'success' }}",)
_PUBLISH = ("${{ !cancelled() && needs.judge.result == 'success' && inputs.stage == 'prod' }}",)


def _gate(variable: str) -> str:
    return rf'uv run mlroad gate "\$MODEL" --run "\${variable}"'


SECOND_SCAN = RequiredStep(
    "kingfisher scan",
    r"uvx --from kingfisher-bin==[\d.]+ kingfisher scan \. --git-history none --redact --no-validate"
    r' --no-update-check --ignore-comment "pragma: allowlist secret"( --exclude [\w./*-]+)*',
)
_BOTH = (
    RequiredStep("ruff check", r"uv run ruff check( --output-format=\w+)?"),
    RequiredStep("mlroad guard --all", r"uv run mlroad guard --all"),
    RequiredStep("mlroad guard --commits", r'uv run mlroad guard --commits "\$BASE"', env={"BASE": BASE}),
    RequiredStep("mlroad guard selftest", r"uv run mlroad guard selftest"),
    SECOND_SCAN,
    RequiredStep("mlroad check", r"uv run mlroad check( --format \w+)?"),
    RequiredStep("dataset verify", r"uv run mlroad dataset verify --base HEAD\^1"),
    RequiredStep(
        "dataset schema check", r"uv run mlroad dataset schema check\nuv run mlroad dataset compatible"
    ),
)
_HERE = ("vars.MLROAD_TARGET != 'azureml'",)
_JUDGE = (
    "!cancelled() && needs.champion.result == 'success'"
    " && (needs.train.result == 'success' || needs.azure.result == 'success')",
)
_TRAIN = r'uv run mlroad train "\$MODEL" --data'

PROTOTYPE: Mapping[str, tuple[RequiredStep, ...]] = {
    "ci.yml": (
        *_BOTH,
        RequiredStep("mlroad run", r'uv run mlroad run "models/\$MODEL"( --isolated)?', _ANY_MODEL),
    ),
}
FACTORY: Mapping[str, tuple[RequiredStep, ...]] = {
    "pr.yml": (
        *_BOTH,
        RequiredStep("ruff format --check", r"uv run ruff format --check( --output-format=\w+)?"),
        RequiredStep("uv run mypy", r"uv run mypy( \| sed -E '[^']*')?", _CODE),
        RequiredStep("mlroad selftest", r"uv run mlroad selftest"),
        RequiredStep("mlroad affected", r'uv run mlroad affected --base "\$BASE" --explain'),
        RequiredStep("mlroad train", rf"{_TRAIN} dev", _AFFECTED),
        RequiredStep("mlroad gate", _gate("RUN") + r" --base HEAD\^1", _AFFECTED),
        RequiredStep(
            "pytest", r'uv run pytest "models/\$MODEL" --cov "models/\$MODEL/steps"', (*_AFFECTED, *_TESTS)
        ),
    ),
    "model.yml": (
        RequiredStep("--data dev", rf"{_TRAIN} dev", _HERE),
        RequiredStep("--data prod", rf"{_TRAIN} prod", (*_HERE, *_PROD)),
        RequiredStep(
            'take-over "$MODEL" "$RUNNER_TEMP/trained"',
            r'uv run mlroad registry load "\$RUNNER_TEMP/champion" --digest "\$CHAMPION"\n'
            r'uv run mlroad take-over "\$MODEL" "\$RUNNER_TEMP/trained" --digest "\$TRAINED"',
            _JUDGE,
            {
                "CHAMPION": "${{ needs.champion.outputs.digest }}",
                "TRAINED": "${{ needs.train.outputs.digest || needs.azure.outputs.digest }}",
            },
        ),
        RequiredStep('mlroad gate "$MODEL" --run "$DEV"', _gate("DEV"), _JUDGE),
        RequiredStep('mlroad gate "$MODEL" --run "$PROD"', _gate("PROD"), (*_JUDGE, *_PROD)),
        RequiredStep(
            "mlroad selftest", r'uv run mlroad selftest "\$MODEL" --run "\$PROD"', (*_JUDGE, *_PROD)
        ),
        RequiredStep(
            'take-over "$MODEL" "$RUNNER_TEMP/judged"',
            r'uv run mlroad take-over "\$MODEL" "\$RUNNER_TEMP/judged" --digest "\$JUDGED" --judged',
            _PUBLISH,
            {"JUDGED": "${{ needs.judge.outputs.digest }}"},
            "registry",
        ),
        RequiredStep(
            "mlroad register",
            r"gh auth setup-git\n"
            r'uv run mlroad register "\$MODEL" --run "\$PROD" --dev-run "\$DEV" --by "@\$ACTOR" --publish',
            _PUBLISH,
            {"DEV": "${{ needs.judge.outputs.dev }}", "PROD": "${{ needs.judge.outputs.prod }}"},
            "registry",
        ),
    ),
    "approve.yml": (
        RequiredStep(
            "mlroad approve",
            r"gh auth setup-git\n"
            r'who=\(--github-run "\$GITHUB_RUN_ID"\)\n'
            r'\[ "\$APPROVAL" != none \] \|\| who=\(--by "@\$ACTOR"\)\n'
            r'uv run mlroad approve "\$MODEL:\$VERSION" --lineage "\$LINEAGE" "\$\{who\[@\]\}" --publish',
            env={"APPROVAL": "${{ vars.MLROAD_APPROVAL }}", "ACTOR": "${{ github.actor }}"},
            environment="production",
        ),
    ),
}
