"""The HTML report: well-formed, self-contained, safe for any data; opened in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mlroad.data.column_plots import Bars, Bins
from mlroad.data.table import Column
from mlroad.report.dataset_plots import bars, histogram
from tests.unit.data.conftest import Repo

NASTY = [
    "<script>window.hit=1</script>",
    '"><img src=x onerror=hit()>',
    "</style><b>x",
    "a&amp;b",
    "{{7*7}}",
    "\u202eabc",
]
VOID = {"meta", "br"}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """Collects the tags and attributes of a page, and fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


@pytest.fixture
def report(repo: Repo) -> str:
    """A report on data with markup in its values, column names and keys."""
    lines = [
        json.dumps({"id": f"{i}{NASTY[i % 6]}", NASTY[0]: NASTY[i % 6], "n": i, "t": i % 9 / 3})
        for i in range(60)
    ]
    repo.write("raw/a.jsonl", "\n".join(lines) + "\n")
    repo.good("add a raw/a.jsonl")
    changed = [line.replace('"n": 1', '"n": 70') for line in lines[4:]]
    repo.write(
        "raw/a.jsonl",
        "\n".join([*changed, json.dumps({"id": NASTY[1], NASTY[0]: "new", "n": 1, "t": 2})]) + "\n",
    )
    repo.good("add a raw/a.jsonl")
    repo.good("diff a:1 a:2 --key id --html report.html")
    return (repo / "report.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_and_nothing_runs(report: str) -> None:
    page = Page(report)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, attributes)
            assert name not in ("src", "srcset"), (tag, attributes)
            assert name != "href" or (value or "").startswith("#"), (tag, attributes)
    assert "default-src 'none'" in str(page.tags)
    style = re.search(r"<style>(.*?)</style>", report, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert not re.search(r"https?://", report)


def test_values_are_shown_as_they_are(report: str) -> None:
    text = Page(report).text
    for value in NASTY[:5]:
        assert value in text


def test_links_lead_to_columns(report: str) -> None:
    page = Page(report)
    anchors = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"]
    assert links
    assert set(links) <= anchors


def test_the_report_says_what_the_terminal_says(report: str) -> None:
    text = Page(report).text
    assert "a:2 has 3 fewer rows (5.0 %) than a:1." in text
    assert "Changed: 5 of 10" in text
    assert "Removed: 4 of 4" in text
    assert "sha256:" in text


def test_light_and_dark(report: str) -> None:
    assert "color-scheme: light dark" in report
    assert "prefers-color-scheme: dark" in report


def test_a_plot_is_drawn_to_scale() -> None:
    plot = histogram(
        Bins((0.0, 1.0, 2.0), (3, 1), (0, 8), (0, 0), (0, 2), (0.0, 2.0)),
        Column("x", "DOUBLE", "number"),
        "x",
    )
    # 3 of 4 before, and 8 of 10 after. The latter is the highest bar, so it fills the plot.
    assert [float(height) for _, _, _, height in plot.before] == [
        pytest.approx(92 * 0.75 / 0.8, abs=0.1),
        pytest.approx(92 * 0.25 / 0.8, abs=0.1),
    ]
    assert "L160.0,4.0L320.0,4.0" in plot.after
    assert plot.outside == "20.0 % higher"


def test_bars_are_drawn_to_scale() -> None:
    drawn = bars(Bars((("a", 6, 2), (" ", 2, 6)), (2, 2), 5))
    assert [(bar.before, bar.after) for bar in drawn] == [
        ("100.0%", "33.3%"),
        ("33.3%", "100.0%"),
        ("33.3%", "33.3%"),
    ]
    assert [(bar.label, bar.is_value) for bar in drawn] == [
        ("a", True),
        ("blank", False),
        ("5 more values", False),
    ]


def test_many_columns_are_folded_away(repo: Repo) -> None:
    names = [f"c{i}" for i in range(80)]
    for value in ("1", "2"):
        rows = "".join(",".join([str(i), *["7"] * 78, value]) + "\n" for i in range(30))
        repo.write("raw/wide.csv", f"{','.join(names)}\n{rows}")
        repo.good("add wide raw/wide.csv")
    repo.good("diff wide:1 wide:2 --html wide.html")
    text = Page((repo / "wide.html").read_text(encoding="utf-8")).text
    assert "79 columns without findings" in text
    assert "68 more columns" in text


@pytest.mark.parametrize("content", ["a\n", "a\n1\n"])
def test_empty_tables_make_a_report(repo: Repo, content: str) -> None:
    repo.write("raw/e.csv", "a\n")
    repo.good("add e raw/e.csv")
    repo.write("raw/e.csv", content)
    repo.good("add e raw/e.csv --stage prod")
    repo.good("diff e:1 e:2 --html e.html")
    Page((repo / "e.html").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_complaint(report: str, repo: Repo, tmp_path: Path, scheme: str) -> None:
    assert CHROMIUM
    picture = tmp_path / "page.png"
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    )
    flags += " --disable-component-update --disable-sync --hide-scrollbars --window-size=1100,1500"
    result = subprocess.run(
        [
            CHROMIUM,
            *flags.split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
            "--enable-logging=stderr",
            f"--screenshot={picture}",
            (repo / "report.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "CONSOLE" not in result.stderr, result.stderr
    from PIL import Image

    with Image.open(picture) as image:
        corner = image.convert("RGB").getpixel((5, 5))
    assert isinstance(corner, tuple)
    assert (sum(corner) < 200) == (scheme == "dark")
