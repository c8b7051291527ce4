"""The page in a real browser: no errors, light and dark, on a phone, in print."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.report.conftest import Repo, inference, model_digest, regression_rows, verdict_of, worse

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr"
)


def browse(page: Path, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM
    return subprocess.run(
        [CHROMIUM, *FLAGS.split(), f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


@pytest.fixture
def report(repo: Repo) -> Path:
    """The page of a candidate with every kind of problem, and long words."""
    digest = model_digest(repo.path)
    verdict = worse(verdict_of(digest))
    verdict["slices"][0]["value"] = "a_very_long_value_without_any_place_to_break_it_" * 3
    verdict["checks"][0]["what"] += " https" + "x" * 200
    repo.judge(verdict, regression_rows(), inference(digest, wrong=2))
    repo.good("report diabetes")
    return repo.gate / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_errors_light_and_dark(report: Path, tmp_path: Path, scheme: str) -> None:
    picture = tmp_path / "page.png"
    flags = [f"--screenshot={picture}", "--window-size=1100,1500"]
    flags.append(f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}")
    result = browse(report, tmp_path, *flags)
    assert "CONSOLE" not in result.stderr, result.stderr
    from PIL import Image

    with Image.open(picture) as image:
        corner = image.convert("RGB").getpixel((5, 5))
    assert isinstance(corner, tuple)
    assert (sum(corner) < 200) == (scheme == "dark")


@pytest.mark.parametrize("width", [375, 768, 1100])
def test_it_fits_and_the_verdict_can_be_seen(report: Path, tmp_path: Path, width: int) -> None:
    """Measured from an outer page, in a frame of that width: the page itself may not run scripts."""
    html = report.read_text(encoding="utf-8")
    # Only this copy has no content security policy, so that the outer page can read it.
    inner = tmp_path / "inner.html"
    inner.write_text(re.sub(r"<meta http-equiv=[^>]+>", "", html), encoding="utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<body><iframe id="f" src="inner.html" style="width:{width}px;height:800px;border:0"></iframe>'
        "<script>"
        "f.onload = () => { const d = f.contentDocument, e = d.documentElement;"
        " const v = d.querySelector('.verdict');"
        "const box = v.getBoundingClientRect(), style = f.contentWindow.getComputedStyle(v);"
        "const wide = [...d.querySelectorAll('body *')].filter(x => !x.closest('svg') && !x.closest('thead')"
        f" && x.getBoundingClientRect().right > {width} + 1).map(x => x.tagName + '.' + x.className);"
        "const [lead, more] = [...v.querySelectorAll('p')].map(x => x.getBoundingClientRect());"
        "const under = more.top >= lead.bottom && Math.abs(more.left - lead.left) < 1"
        " && v.nextElementSibling.getBoundingClientRect().top - box.bottom > 8;"
        "const out = document.createElement('pre'); out.textContent = JSON.stringify({scroll: e.scrollWidth,"
        " client: e.clientWidth, top: box.top, height: box.height, shown: style.visibility, wide, under,"
        " text: v.innerText}); document.body.append(out); }</script>",
        encoding="utf-8",
    )
    result = browse(outer, tmp_path, "--dump-dom", "--allow-file-access-from-files", "--window-size=1200,900")
    found = re.search(r"<pre>(.*?)</pre>", result.stdout, re.DOTALL)
    assert found, result.stderr
    measured = found[1]
    assert f'"scroll":{width},"client":{width},' in measured
    assert '"wide":[]' in measured
    assert '"shown":"visible"' in measured
    assert '"under":true' in measured, "the reasons are below the recommendation, the next card below both"
    assert "MAE for sex = 2 misses its limit" in measured
    top = re.search(r'"top":([\d.]+)', measured)
    assert top
    assert float(top[1]) < 250


def test_on_paper(report: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    browse(report, tmp_path, f"--print-to-pdf={file}", "--no-pdf-header-footer")
    pages = len(re.findall(rb"/Type\s*/Page\b", file.read_bytes()))
    assert 2 <= pages <= 6
