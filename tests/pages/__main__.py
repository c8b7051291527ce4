"""`python -m tests.pages [PAGE…]` runs every command of the pages, also those that the suite leaves out."""

from __future__ import annotations

import os
import sys

import pytest

from tests.pages.walk import EVERYTHING
from tests.support import REPO

os.environ[EVERYTHING] = "1"
names = [word for word in sys.argv[1:] if not word.startswith("-")]
options = [word for word in sys.argv[1:] if word.startswith("-")]
chosen = ["-k", " or ".join(names)] if names else []
pages = REPO / "tests" / "pages"
files = [str(pages), str(pages / "datasets_tutorial.py")]
sys.exit(pytest.main([*files, "--tb=short", *options, *chosen]))
