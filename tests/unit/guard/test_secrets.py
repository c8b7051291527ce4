"""The secret scan from the user's side, and canaries for the ways in which it could fail open."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mlroad.core.problems import UserError
from mlroad.guard.house_rules import digest_of
from mlroad.guard.patterns import BUILT_IN_RULES, PLUGIN_RULES
from mlroad.guard.secret_engine import FILTERS, open_secret_engine
from mlroad.guard.secret_rules import find
from mlroad.guard.secret_samples import samples
from tests.unit.guard.conftest import SOURCE, Guard, environment
from tests.unit.guard.corpus import Maker, cell, notebook, stream

MADE = Maker(11)
GITHUB = "gh" + "p_" + MADE.alnum(36)
OTHER = "gh" + "p_" + MADE.alnum(36)
OPENAI = "sk-" + "proj-" + MADE.alnum(74) + "T3Blbk" + "FJ" + MADE.alnum(74)


def test_a_finding_names_place_and_kind_and_keeps_the_secret_to_itself(repo: Path, guard: Guard) -> None:
    (repo / "a.py").write_text(f'x = 1\ng = Github("{GITHUB}")\n')
    done = guard("--all")
    assert done.returncode == 1
    assert done.stdout.startswith("a.py:2: secret: GitHub token")
    assert GITHUB not in done.stdout + done.stderr
    assert "pragma: allowlist secret" in done.stdout


def test_a_clean_repo_is_green(repo: Path, guard: Guard) -> None:
    (repo / "a.py").write_text("x = 1\n")
    done = guard("--all")
    assert done.returncode == 0, done.stdout
    assert "2 files are clean" in done.stdout


def test_a_committed_env_file_is_red_and_an_ignored_one_is_not_read(repo: Path, guard: Guard) -> None:
    (repo / ".env").write_text(f"OPENAI_API_KEY={OPENAI}\n")
    assert guard("--all").stdout.startswith(".env:1: secret: OpenAI key")
    (repo / ".gitignore").write_text(".env\n")
    assert guard("--all").returncode == 0
    subprocess.run(["git", "-C", str(repo), "add", "--force", ".env"], check=True, env=environment())
    assert guard("--all").returncode == 1


def test_a_notebook_finding_names_cell_and_line_and_the_line_of_the_file(repo: Path, guard: Guard) -> None:
    text = notebook(cell("x = 1"), cell(f"a\nb\nlogin('{GITHUB}')"), cell("y", stream(f"ok\nuser {OTHER}\n")))
    (repo / "a.ipynb").write_text(text)
    told = guard("--all", "--only", "secrets").stdout.splitlines()
    lines = text.split("\n")
    source = next(number for number, line in enumerate(lines, 1) if GITHUB in line)
    output = next(number for number, line in enumerate(lines, 1) if OTHER in line)
    assert told[0].startswith(f"a.ipynb:{source}: secret: GitHub token (cell 2, line 3)")
    assert told[1].startswith(f"a.ipynb:{output}: secret: GitHub token (output of cell 3, line 2)")


def test_a_broken_notebook_is_scanned_as_text(repo: Path, guard: Guard) -> None:
    (repo / "a.ipynb").write_text('{"cells": [ "' + GITHUB + '"')
    told = guard("--all").stdout
    assert "a.ipynb:1: secret: GitHub token" in told
    assert "notebook-broken" in told


@pytest.mark.parametrize("comment", ["# pragma: allowlist secret", "// pragma: allowlist secret"])
def test_a_comment_in_the_line_allows_it(repo: Path, guard: Guard, comment: str) -> None:
    (repo / "a.py").write_text(f'g = "{GITHUB}"  {comment}\n')
    assert guard("--all").returncode == 0
    (repo / "a.py").write_text(f'g = "{GITHUB}"  {comment}\nh = "{GITHUB}"\n')
    assert guard("--all").stdout.startswith("a.py:2: secret")


def test_a_private_key_over_many_lines_is_one_finding(repo: Path, guard: Guard) -> None:
    (repo / "key").write_text(MADE.pem("RSA PRIVATE " + "KEY"))
    told = guard("--all").stdout.splitlines()
    assert [line.split(": a secret")[0] for line in told] == ["key:1: secret: Private key"]


def test_a_secret_of_two_kinds_is_reported_once(repo: Path, guard: Guard) -> None:
    (repo / "a.py").write_text(f'client = OpenAI(api_key="{OPENAI}")\n')
    assert len(guard("--all").stdout.splitlines()) == 1


# --- The ways to fail open


@pytest.mark.parametrize(
    "line",
    [
        f'client = OpenAI(api_key="{OPENAI}")',
        f'blob = BlobServiceClient.from_connection_string("AccountName=a;AccountKey={MADE.bytes64(64)};")',
        f'cred = ClientSecretCredential(tenant_id="a", client_id="b", client_secret="{GITHUB}")',
        f'x = headers["Authorization: Bearer {MADE.alnum(40)}"]',
    ],
)
def test_canary_1_a_call_around_a_secret_hides_nothing(repo: Path, guard: Guard, line: str) -> None:
    (repo / "a.py").write_text(f"{line}\n")
    assert guard("--all").returncode == 1


def test_canary_1_the_filters_of_detect_secrets_that_hide_are_off() -> None:
    names = {path.rsplit(".", 1)[1] for path in FILTERS}
    assert not names & {"is_indirect_reference", "is_likely_id_string", "is_lock_file", "is_swagger_file"}


@pytest.mark.parametrize(
    "name", ["uv.lock", "a.svg", "docs/swagger/a.json", "package-lock.json", "a.css", "Makefile"]
)
def test_no_text_is_skipped_for_its_name(repo: Path, guard: Guard, name: str) -> None:
    (repo / name).parent.mkdir(parents=True, exist_ok=True)
    (repo / name).write_text(f'"{GITHUB}"\n')
    assert guard("--all").returncode == 1


def test_canary_2_a_missing_plugin_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded"), open_secret_engine(None, tmp_path / "gone.py"):
        pass


def test_canary_2_a_plugin_file_without_the_plugin_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("x = 1\n")
    with (
        pytest.raises(UserError, match="has no MlroadDetector"),
        open_secret_engine(None, tmp_path / "plugin.py"),
    ):
        pass


def test_canary_2_a_missing_detect_secrets_ends_with_2(repo: Path) -> None:
    (repo / "a.py").write_text("x = 1\n")
    code = (
        "import sys; sys.modules['detect_secrets'] = None\n"
        "sys.argv[1:] = ['guard', '--all']\n"
        "from mlroad.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo, env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "uv sync" in done.stderr


def test_canary_2_a_named_rules_file_that_is_missing_ends_with_2(repo: Path, guard: Guard) -> None:
    (repo / "pyproject.toml").write_text('[tool.mlroad]\nsecret-rules = "gone.toml"\n')
    done = guard("--all")
    assert done.returncode == 2
    assert "gone.toml" in done.stderr


def test_canary_2_from_a_subfolder_everything_is_scanned(repo: Path, guard: Guard) -> None:
    (repo / "sub").mkdir()
    (repo / "a.py").write_text(f'g = "{GITHUB}"\n')
    assert guard("--all", folder=repo / "sub").returncode == 1
    assert guard("../a.py", folder=repo / "sub").returncode == 1


def test_canary_3_an_allowed_token_hides_no_other(repo: Path, guard: Guard) -> None:
    (repo / "house").mkdir()
    entry = f'[[allow]]\nsha256 = "{digest_of(GITHUB)}"\nfile = "a.json"\nreason = "revoked"\n'
    (repo / "house/secrets.toml").write_text(entry)
    (repo / "a.json").write_text(f'["{GITHUB}",\n "{OTHER}"]\n')
    (repo / "b.json").write_text(f'["{GITHUB}"]\n')
    told = guard("--all").stdout
    assert "a.json:1" not in told
    assert "a.json:2: secret" in told
    assert "b.json:1: secret" in told
    (repo / "a.json").write_text(f'["{GITHUB}", "{OTHER}"]\n')
    assert "a.json:1: secret" in guard("--all").stdout


# --- The fast pass covers everything that the engine could report


def test_the_light_pass_covers_the_patterns_of_the_engines_plugins() -> None:
    made = random.Random(4)
    with open_secret_engine(None) as engine:
        plugins = {type(plugin).__name__: plugin for plugin in engine.plugins}
        assert set(plugins) == {"MlroadDetector", *PLUGIN_RULES}
        for name, rule in PLUGIN_RULES.items():
            for pattern in plugins[name].denylist:
                for _ in range(20):
                    token = _string_for(pattern.pattern, made)
                    assert pattern.search(token), (name, token)
                    assert list(find(f"token = '{token}'", (rule,))), (name, token)


def _string_for(pattern: str, made: random.Random) -> str:
    """Build a string that matches a pattern of sets, counts and alternatives."""
    from re import _parser  # type: ignore[attr-defined]

    def one(tree: object) -> str:
        text = ""
        for kind, value in tree:  # type: ignore[attr-defined]
            match str(kind):
                case "LITERAL":
                    text += chr(value)
                case "IN":
                    text += made.choice(
                        [char for char in map(chr, range(33, 127)) if re.fullmatch(_set(value), char)]
                    )
                case "MAX_REPEAT":
                    least, most, inner = value
                    text += "".join(one(inner) for _ in range(made.randint(least, min(most, least + 3))))
                case "SUBPATTERN":
                    text += one(value[-1])
                case "BRANCH":
                    text += one(made.choice(value[1]))
                case _:
                    raise AssertionError(kind)
        return text

    return one(_parser.parse(pattern))


def _set(items: list[tuple[object, object]]) -> str:
    parts = {
        "LITERAL": lambda v: re.escape(chr(v)),
        "RANGE": lambda v: f"{re.escape(chr(v[0]))}-{re.escape(chr(v[1]))}",
    }
    return (
        "[" + "".join(parts[str(kind)](value) if str(kind) in parts else r"\d" for kind, value in items) + "]"
    )


def test_the_selftest_notices_each_rule_that_is_gone() -> None:
    """Each rule has a sample in secret_samples.py that no other rule finds as the same kind."""
    rules = (*BUILT_IN_RULES, *PLUGIN_RULES.values())
    kinds = [Counter(hit.rule for hit in find(sample.written(), rules)) for sample in samples()]
    for rule in rules:
        unique = [
            sample
            for sample, found in zip(samples(), kinds, strict=True)
            if rule in found and not any(other.kind == rule.kind for other in found if other is not rule)
        ]
        assert unique, f"add a sample for this rule to secret_samples.py or token_samples.py: {rule}"


def test_every_match_contains_a_keyword_of_its_rule() -> None:
    """A text without any of the rule's keywords would never reach the rule."""
    for seed in range(3):
        for sample in samples(seed):
            text = sample.written()
            for rule in BUILT_IN_RULES:
                if rule.extra_lines == 0 and re.search(rule.pattern, text):
                    low = text.lower()
                    assert not rule.keywords or any(
                        word in (low if word.islower() else text) for word in rule.keywords
                    )


def test_long_lines_are_scanned_to_their_end(repo: Path, guard: Guard) -> None:
    (repo / "min.js").write_text("var a=1;" * 60_000 + f'b="{GITHUB}";' + "c=2;" * 60_000)
    assert guard("min.js").returncode == 1


def test_detect_secrets_own_hook_can_use_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(f'client = "{OPENAI}"\n')
    plugin = SOURCE / "guard/detect_secrets_plugin.py"
    hook = [sys.executable, "-m", "detect_secrets.pre_commit_hook", "-p", str(plugin), "a.py"]
    done = subprocess.run(hook, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OpenAI key" in done.stdout
