"""`mlroad report`: it refuses runs without a verdict, shows the whole verdict, and is safe to open."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mlroad.gate.tasks.class_figures import class_figures
from mlroad.gate.tasks.task import Predictions, Truth
from mlroad.report.task_plots import calibration_points, roc_points
from tests.unit.data.test_report import NASTY, Page
from tests.unit.report.conftest import (
    RUN,
    Repo,
    check,
    class_rows,
    inference,
    metric,
    model_digest,
    regression_rows,
    verdict_of,
    worse,
)

PROD: dict[str, object] = {"stage": "prod"}


def test_it_writes_both_and_says_the_verdict(better: Repo) -> None:
    out = better.good("report diabetes")
    assert "diabetes 20261124-101500-123456: better. MAE is 44.1" in out
    assert better.page.startswith("<!doctype html>")
    assert better.markdown.startswith("<!-- mlroad report: diabetes -->\n")


def test_the_page_goes_where_it_is_wanted(better: Repo, tmp_path: Path) -> None:
    better.good(f"report models/diabetes --run {RUN} -o {tmp_path / 'page.html'}")
    assert "<h1>diabetes" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not (better.gate / "report.html").exists()
    result = better.mlroad("report diabetes -o missing/page.html")
    assert result.code == 2
    assert "cannot be written: missing/page.html" in result.err


def test_the_summary_gets_the_markdown_once(better: Repo, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    better.monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    better.good("report diabetes")
    assert summary.read_text(encoding="utf-8") == "before\n"
    better.good("report diabetes --summary")
    assert summary.read_text(encoding="utf-8").startswith("before\n<!-- mlroad report: diabetes -->\n## ✅")


def test_a_run_without_a_verdict_is_refused(repo: Repo) -> None:
    result = repo.mlroad("report diabetes")
    assert result.code == 2
    assert f"Run `mlroad gate diabetes --run {RUN}`" in result.err
    assert not (repo.gate / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"run": "20261123-000000-000000"}, "another candidate: run 20261123-000000-000000 of diabetes"),
        ({"model": "iris"}, "another candidate"),
        ({"candidate": {"digest": f"sha256:{'0' * 64}"}}, "have changed since the gate judged it"),
        ({"schema": 2}, "not hold a verdict that this version"),
        ({"verdict": "great"}, "not hold a verdict that this version"),
        ({"passed": None}, "does not say whether"),
    ],
)
def test_a_verdict_on_something_else_is_refused(better: Repo, change: dict[str, object], told: str) -> None:
    better.judge(verdict_of(model_digest(better.path)) | change)
    result = better.mlroad("report diabetes")
    assert result.code == 2
    assert told in result.err
    assert "mlroad gate" in result.err


@pytest.mark.parametrize("content", ["", "{", "[]", "\0"])
def test_a_damaged_verdict_is_refused(better: Repo, content: str) -> None:
    (better.gate / "verdict.json").write_text(content, encoding="utf-8")
    assert better.mlroad("report diabetes").code == 2


def test_the_page_shows_the_whole_verdict(better: Repo) -> None:
    digest = model_digest(better.path)
    better.judge(worse(verdict_of(digest)), regression_rows(), inference(digest, wrong=2))
    better.good("report diabetes")
    text = Page(better.page).text
    for told in (
        "worse", "its inference tests failed and MAE for sex = 2 misses its limit.",
        "against champion 3",
        "1 check failed and 1 check could not be run",
        "MAE is 71 for sex = 2, more than 65.", "sex = 2", "58.9", "+12.1",
        "mlroad test models/diabetes", "golden-001", "expected 151.3, got 160.3", "38 of 40",
        "1.9 ms", "24 MB", "budget: 20 MB", "diabetes_train:1", "diabetes_holdout:1", "diabetes:1",
        "7a2cbfc1d0e44f0a8c6e5b1f2a3d4c5e6f708192", "alpha = 0.4", RUN,
        "@octocat", "2026-12-31", "Smaller trees", "10000 resamples", "seed 7", "All 12 checks",
    ):  # fmt: skip
        assert told in text, told


def test_what_failed_comes_first(better: Repo) -> None:
    better.judge(worse(verdict_of(model_digest(better.path))))
    better.good("report diabetes")
    text = Page(better.page).text
    assert text.index("What did not pass") < text.index("Metrics")
    assert (
        text.index("2 of 40 cases")
        < text.index("MAE is 71 for sex = 2")
        < text.index("24 MB on disk, limit 20 MB")
    )
    slices = text[text.index("SliceCandidate") :]
    assert slices.index("sex = 2") < slices.index("sex = 1")


def test_the_page_of_a_good_candidate_shows_no_failures(better: Repo) -> None:
    better.good("report diabetes")
    assert "What did not pass" not in Page(better.page).text
    assert "What did not pass" not in better.markdown


def test_it_begins_with_a_recommendation_and_what_the_model_is(better: Repo) -> None:
    card = better.path / "models" / "diabetes" / "MODEL_CARD.md"
    card.write_text(
        "# Model card: diabetes\n\nPredicts the `progression`\nof a disease.\n\n## Owner\n@data-team, Ada\n",
        encoding="utf-8",
    )
    better.good("report diabetes")
    for text in (Page(better.page).text, better.markdown.replace("&#8203;", "").replace("\\", "")):
        assert "Recommendation: merge it." in text
        assert "Predicts the progression of a disease." in text
        assert re.search(r"MAE [\d.]+: a prediction is off by [\d.]+ \(in the unit of \w+\) on average", text)
        assert "@data-team, Ada" in text
        assert "A reviewer of the pull request" in text
        assert not re.search(r"\bmae [\d.]", text)  # a metric has one name: MAE
        assert text.index("Recommendation") < text.index("against champion 3") or text != better.markdown


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"passed": False, "verdict": "worse"}, "Recommendation: do not merge it: it did not pass the gate."),
        ({"verdict": "equal"}, "merge it if the change is worth more than its figures"),
        (
            {"passed": False, "verdict": "worse", "checks": [check("size", "failed", "Too large.")]},
            "Recommendation: do not merge it: 1 check failed.",
        ),
        (
            {"checks": [check("size", "waived", "Too large.")]},
            "Recommendation: merge it only if you agree with the waivers.",
        ),
        (
            {"warnings": [{"id": "holdout.leakage", "what": "x is a multiple of y."}]},
            "Recommendation: merge it only if the warning below has an explanation.",
        ),
        ({"warnings": [{"id": "isolation", "what": "Not on Linux."}]}, "Recommendation: merge it."),
        (PROD, "Recommendation: approve it."),
        (PROD | {"passed": False}, "Recommendation: do not register it: it did not pass the gate."),
        (
            PROD | {"checks": [check("size", "waived", "Too large.")]},
            "Recommendation: approve it only if you agree with the waivers.",
        ),
        (PROD | {"verdict": "equal"}, "Recommendation: approve it if the change is worth more"),
    ],
)
def test_the_recommendation_follows_the_verdict(better: Repo, change: dict[str, object], told: str) -> None:
    if change.get("stage") == "prod":
        file = better.gate.parent / "train.json"
        file.write_text(file.read_text(encoding="utf-8").replace('"dev"', '"prod"'), encoding="utf-8")
    better.judge(verdict_of(model_digest(better.path)) | change)
    better.good("report diabetes")
    assert told in Page(better.page).text
    assert told in better.markdown


def test_every_plot_has_a_text_alternative(better: Repo) -> None:
    better.good("report diabetes")
    page = Page(better.page)
    drawn = [attributes for tag, attributes in page.tags if tag == "svg" and "viewbox" not in attributes]
    assert len(drawn) == 3 + 2 + 3  # metrics, slices, plots of the task
    for attributes in drawn:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"] or "") > 30
    assert "Difference −2.2, interval −3.6 to −0.8; lower is better; may be worse by up to 3" in better.page


def test_tables_have_headers(better: Repo) -> None:
    better.judge(worse(verdict_of(model_digest(better.path))))
    better.good("report diabetes")
    page = Page(better.page)
    rows = sum(tag == "tr" for tag, _ in page.tags)
    scopes = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert scopes.count("row") == rows - tables
    assert set(scopes) == {"row", "col"}


def test_the_forest_plot_is_drawn_to_scale(better: Repo) -> None:
    better.good("report diabetes")
    plot = better.page[better.page.index('class="interval-plot"') :].split("</svg>")[0]
    # MAE: −2.2 (−3.6 to −0.8), 3 worse allowed; lower is better, so right is −3.6. The axis: 3.6 × 1.18.
    reach = 3.6 * 1.18

    def place(value: float) -> float:
        return 100 * (value + reach) / (2 * reach)

    found = {
        "edge": float(re.findall(r'class="edge" x1="([\d.]+)%', plot)[0]),
        "zero": float(re.findall(r'class="zero" x1="([\d.]+)%', plot)[0]),
        "low": float(re.findall(r'class="span" x1="([\d.]+)%', plot)[0]),
        "high": float(re.findall(r'class="span" x1="[\d.]+%" x2="([\d.]+)%', plot)[0]),
        "point": float(re.findall(r'class="point" cx="([\d.]+)%', plot)[0]),
    }
    wanted = {"edge": place(-3), "zero": 50.0, "low": place(0.8), "high": place(3.6), "point": place(2.2)}
    assert found == pytest.approx(wanted, abs=0.02)


def test_without_a_champion(repo: Repo) -> None:
    digest = model_digest(repo.path)
    repo.judge(verdict_of(digest, champion=False), regression_rows(champion=False), inference(digest))
    out = repo.good("report diabetes")
    text = Page(repo.page).text
    assert "20261124-101500-123456: first. No champion yet" in out
    assert "diabetes: first" in repo.markdown
    assert ">first<" in repo.page
    assert ">better<" not in repo.page
    assert "| better" not in repo.markdown
    assert "no champion yet" in text
    assert "Difference" not in text
    assert 'class="edge"' in repo.page  # the limit
    assert "Difference" not in repo.markdown
    assert "champion" not in re.sub(r"[Nn]o champion yet", "", repo.markdown)


def test_classification_has_its_own_plots(repo: Repo) -> None:
    verdict = verdict_of(model_digest(repo.path)) | {"task": "binary", "decide_by": "roc_auc"}
    verdict["metrics"] = {"roc_auc": metric("higher", 0.84, 0.83, 0.02, limit=0.7, max_regression=0.02)}
    repo.judge(verdict, class_rows())
    repo.good("report diabetes")
    text = Page(repo.page).text
    assert "ROC curve" in text
    assert "Calibration" in text
    assert "Rows of the candidate from 0 to 0.1, from 0.1 to 0.2, and so on: " in text
    assert "Residuals" not in text


def test_labels_are_not_probabilities(repo: Repo) -> None:
    verdict = verdict_of(model_digest(repo.path)) | {"task": "binary"}
    repo.judge(verdict, "row,truth,candidate,champion\n0,1,1,\n1,0,1,\n2,0,0,\n")
    repo.good("report diabetes")
    assert "Calibration" not in Page(repo.page).text
    assert "ROC curve" in Page(repo.page).text


def test_roc_moves_by_rows_of_one_score() -> None:
    assert roc_points([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1]) == [(0, 0), (0, 0.5), (0.5, 1), (1, 1)]


def test_calibration_is_in_tenths() -> None:
    points = calibration_points([0, 1, 1, 1], [0.11, 0.19, 0.95, 1.0])
    assert points == [pytest.approx((0.15, 0.5)), pytest.approx((0.975, 1.0))]


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "row,truth,candidate,champion\n",
        "row,truth,candidate,champion\n0,nan,inf,\n1,1,,2\n",
        "a\n1\n",
        "\0",
    ],
)
@pytest.mark.parametrize("task", ["regression", "binary"])
def test_a_broken_candidate_has_a_report(repo: Repo, rows: str, task: str) -> None:
    verdict = verdict_of(model_digest(repo.path)) | {"task": task, "verdict": "broken", "passed": False}
    nothing = dict.fromkeys(("candidate", "candidate_interval", "champion", "difference", "interval"))
    verdict["metrics"]["mae"] |= nothing | {"verdict": "broken"}
    verdict["metrics"]["r2"] |= {"candidate": float("nan"), "interval": [float("-inf"), 1]}
    verdict |= {"latency": None, "size": None, "onnx": None, "inference": {}, "slices": []}
    verdict["checks"] = [{"id": "metrics.mae", "result": "broken", "what": "12 predictions are NaN."}]
    repo.judge(verdict, rows)
    repo.good("report diabetes")
    assert "12 predictions are NaN." in Page(repo.page).text
    assert "nan" not in repo.page.replace("NaN.", "").lower().split("<style>")[0]


@pytest.mark.parametrize("missing", sorted(verdict_of("")))
def test_a_missing_key_removes_nothing_else(better: Repo, missing: str) -> None:
    verdict = verdict_of(model_digest(better.path))
    del verdict[missing]
    better.judge(verdict)
    result = better.mlroad("report diabetes")
    needed = missing in ("schema", "model", "run", "verdict", "passed")
    assert result.code == (2 if needed else 0), result


def attacked(repo: Repo) -> Repo:
    """A repo in which every string contains markup."""

    def spoil(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: spoil(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [spoil(inner) for inner in value]
        kept = ("result", "digest", "kind", "column", "metric", "id", "task", "decide_by", "dataset")
        if isinstance(value, str) and key not in kept:
            return f"{value} {' '.join(NASTY)} | @everyone ![x](//a) `code`\n# head"
        return value

    fixed = worse(verdict_of(model_digest(repo.path)))
    verdict = spoil(fixed)
    assert isinstance(verdict, dict)
    verdict |= {name: fixed[name] for name in ("model", "run", "verdict", "candidate", "task")}
    name = f"{NASTY[0]} {NASTY[1]} '"
    verdict["metrics"][name] = dict(verdict["metrics"]["mae"])
    verdict["slices"][0] |= {"column": name, "value": name, "metric": name}
    verdict["holdout"]["dataset"] = f"{name}:1"
    tests = spoil(inference("x", wrong=3))
    assert isinstance(tests, dict)
    repo.judge(verdict, regression_rows(), tests)
    repo.good("report diabetes")
    return repo


def test_nothing_is_loaded_and_nothing_runs(repo: Repo) -> None:
    html = attacked(repo).page
    page = Page(html)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, attributes)
            assert name not in ("src", "srcset", "href"), (tag, attributes, value)
    assert "default-src 'none'" in str(page.tags)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert not re.search(r"https?://", html)
    assert NASTY[0] in page.text


def test_markdown_stays_text(repo: Repo) -> None:
    text = attacked(repo).markdown
    tags = set(re.findall(r"<(/?[a-z!]+)", re.sub(r"`[^`\n]*`", "", text)))
    assert tags <= {"!", "details", "/details", "summary", "/summary", "sub", "/sub", "br"}
    assert "@everyone" not in re.sub(r"`[^`\n]*`", "", text)
    assert "![x]" not in re.sub(r"`[^`\n]*`", "", text)
    assert not re.findall(r"^# ", text, re.MULTILINE)
    # Every table keeps its columns, whatever is in its cells.
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [re.sub(r"\\.", "", row) for row in table.splitlines()]
        assert len({row.count("|") for row in rows}) == 1, table


def test_markdown_fits_into_a_comment(repo: Repo) -> None:
    verdict = worse(verdict_of(model_digest(repo.path)))
    long = "x|@" * 3000
    verdict["headline"] = long
    verdict["slices"] = [dict(verdict["slices"][0], value=f"{i}{long}") for i in range(300)]
    verdict["checks"] = [
        {"id": f"slices.sex={i}{long}.mae.limit", "result": "failed", "what": long} for i in range(300)
    ]
    verdict["waivers"] = [dict(verdict["waivers"][0], reason=long) for _ in range(300)]
    tests = inference("x")
    tests["results"] = [{"id": long, "kind": "golden", "passed": False, "what": long}] * 300
    repo.judge(verdict, "", tests)
    repo.good("report diabetes")
    assert len(repo.markdown) < 60_000
    assert repo.markdown.startswith("<!-- mlroad report: diabetes -->\n## ❌ diabetes: worse")
    assert re.search(r"- ❌ failed `slices.*\n- and 2\d\d more\n", repo.markdown)


def test_many_rows_make_a_page_that_opens(repo: Repo) -> None:
    repo.judge(verdict_of(model_digest(repo.path)), regression_rows(100_000))
    repo.good("report diabetes")
    assert len(repo.page) < 300_000
    assert "One row in 67 is drawn." in repo.page


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (
            ["metrics.mae.regression"],
            "did not pass: MAE is worse than the champion's by more than allowed.",
        ),
        (["metrics.r2.limit", "size"], "did not pass: R² misses its limit and it is too large."),
        (["slices.a=b=c.f1.limit"], "did not pass: F1 for a = b=c misses its limit."),
        (["onnx", "size", "latency.p95"], "does not match the model, and 2 more checks did not pass."),
        (["something.new"], "did not pass: something.new failed."),
    ],
)
def test_a_failed_verdict_is_put_into_words(better: Repo, bad: list[str], told: str) -> None:
    verdict = verdict_of(model_digest(better.path)) | {"verdict": "worse", "passed": False}
    verdict["checks"] = [{"id": identity, "result": "failed", "what": "It failed."} for identity in bad]
    better.judge(verdict)
    better.good("report diabetes")
    assert told in Page(better.page).text
    thresholds = {"metrics.mae.regression", "metrics.r2.limit", "slices.a=b=c.f1.limit", "size"}
    assert ("waivers.yml, with an owner" in Page(better.page).text) == bool(thresholds & set(bad))


def test_limit_and_regression_of_a_metric_are_one_row(better: Repo) -> None:
    verdict = verdict_of(model_digest(better.path)) | {"verdict": "worse", "passed": False}
    failed = ("metrics.mae.limit", "metrics.mae.regression", "metrics.r2.regression", "size")
    verdict["checks"] = [{"id": name, "result": "failed", "what": f"{name} is bad."} for name in failed]
    better.judge(verdict)
    better.good("report diabetes")
    row = "metrics.mae.limit is bad; metrics.mae.regression is bad."
    for text in (Page(better.page).text, better.markdown):
        assert row in text
        assert "metrics.mae.limit and .regression" in text
        assert "do not merge it: 4 checks failed" in text
    assert better.markdown.count("❌ failed ") == 3


def test_differences_have_the_decimals_of_their_metric(better: Repo) -> None:
    verdict = verdict_of(model_digest(better.path))
    verdict["metrics"] = {"mae": metric("lower", 54.456, 49.62945, 4.78857, limit=60, max_regression=5)}
    better.judge(verdict)
    better.good("report diabetes")
    assert "+4.83+0.04 to +9.62" in Page(better.page).text
    assert "+4.83 (+0.04 to +9.62)" in better.markdown


def test_the_help_shows_how(better: Repo) -> None:
    out = better.good("report --help")
    assert "mlroad report diabetes" in out


def test_lone_surrogates_are_replaced(better: Repo) -> None:
    """JSON may hold a lone half of a surrogate pair."""
    verdict = verdict_of(model_digest(better.path))
    file = better.gate / "verdict.json"
    file.write_text(json.dumps(verdict).replace("champion's", "\\ud800"), encoding="utf-8")
    better.good("report diabetes")


def test_classes_have_a_table_and_a_confusion_matrix(repo: Repo) -> None:
    """Of every class, and counts that add up to the rows; a task without classes shows neither."""
    truth = Truth(np.array([0, 0, 0, 1, 1, 2]), ("cat", "dog", "<owl>"))
    mine = Predictions(np.array([0, 0, 1, 1, 1, 0]), "label", truth.classes)
    other = Predictions(np.array([0, 1, 1, 1, 0, 0]), "label", truth.classes)
    found = class_figures(truth, mine, other)
    assert found
    assert found["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert [its["candidate"]["recall"] for its in found["classes"]] == [pytest.approx(2 / 3), 1.0, 0.0]
    verdict = verdict_of(model_digest(repo.path)) | {"task": "multiclass", "by_class": found}
    repo.judge(verdict, "row,truth,candidate,champion\n0,cat,dog,\n")
    repo.good("report diabetes")
    text = Page(repo.page).text
    assert "Confusion matrix" in text
    assert "<owl>" in text
    assert "| dog | 2 | 3 | 0.6667 | 1 | 0.8 |" in repo.markdown
    repo.judge(verdict | {"by_class": class_figures(truth, mine, None), "champion": None}, "")  # the first
    repo.good("report diabetes")
    assert "| dog | 2 | 3 | 0.6667 | 1 | 0.8 |" in repo.markdown
    repo.judge(verdict | {"by_class": None}, "")
    repo.good("report diabetes")
    assert "Confusion matrix" not in Page(repo.page).text


def test_labels_have_figures_but_no_confusion_matrix() -> None:
    truth = Truth(np.array([[1, 0], [1, 1]]), ("warm", "hot"))
    found = class_figures(truth, Predictions(np.array([[0.9, 0.8], [0.2, 0.7]]), "probability"), None)
    assert found
    assert found["confusion"] is None
    assert [its["candidate"]["recall"] for its in found["classes"]] == [0.5, 1.0]
    assert class_figures(Truth(np.array([1.0])), Predictions(np.array([1.0]), "value"), None) is None
