"""A page as a browser shows it, as PNG."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import markdown
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIGNS = {
    "✅": '<b style="color: #1a7f37">✓</b>', "❌": '<b style="color: #cf222e">✗</b>',
    "⚠️": '<b style="color: #9a6700">!</b>',
}  # fmt: skip
"""GitHub's own pictures, which most machines have no font for."""
COMMENT = """<!doctype html><meta charset="utf-8"><style>
body {{ font: 14px/1.5 system-ui, sans-serif; color: #1f2328; margin: 24px; }}
.comment {{ border: 1px solid #d1d9e0; border-radius: 6px; max-width: 860px; }}
.from {{ background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px; color: #59636e; }}
.text {{ padding: 4px 16px 16px; }}
table {{ border-collapse: collapse; }} td, th {{ border: 1px solid #d1d9e0; padding: 6px 13px; }}
tr:nth-child(2n) {{ background: #f6f8fa; }} h2 {{ border-bottom: 1px solid #d1d9e0; padding-bottom: .3em; }}
code {{ background: #eff1f3; border-radius: 6px; padding: .2em .4em; font-size: 85%; }}
</style><div class="comment"><div class="from"><b>github-actions</b> commented</div>
<div class="text">{}</div></div>"""


def page_png(page: Path, picture: Path, width: int = 1000, height: int = 900, top: int = 0) -> None:
    """The top of an HTML page, without its first ``top`` pixels. Raises RuntimeError without a browser."""
    if CHROMIUM is None:
        raise RuntimeError("Pictures of pages need Chromium on the PATH.")
    with tempfile.TemporaryDirectory() as profile:
        shot = Path(profile) / "shot.png"
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={profile}", f"--window-size={width},{height}", f"--screenshot={shot}",
            page.resolve().as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(shot) as image:
            shown = image.crop((0, top, *image.size))
            shown.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(picture, optimize=True)


def comment_png(text: Path, picture: Path, height: int) -> None:
    """A comment in a pull request, about as GitHub shows it."""
    body = markdown.markdown(text.read_text(encoding="utf-8"), extensions=["tables", "md_in_html"])
    for sign, drawn in SIGNS.items():
        body = body.replace(sign, drawn)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "comment.html"
        page.write_text(COMMENT.format(body), encoding="utf-8")
        page_png(page, picture, width=920, height=height)
