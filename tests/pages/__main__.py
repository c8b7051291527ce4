"""`python -m tests.pages [PAGE…]` runs every command of the pages, also those that the suite leaves out."""

from __future__ import annotations

import os
import sys

import pytest

from tests.pages.walk import EVERYTHING
from tests.support import REPO

os.environ[EVERYTHING] = "1"
chosen = ["-k", " or ".join(sys.argv[1:])] if sys.argv[1:] else []
sys.exit(pytest.main([str(REPO / "tests" / "pages" / "test_pages.py"), "-v", *chosen]))
