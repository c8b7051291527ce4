"""`uv run python -m tests.benchmarks [NAME …] [--old FOLDER]` prints the figures that the issues name."""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
from itertools import zip_longest
from pathlib import Path

from tests.support import REPO

NAMES = (
    "copy", "first_run", "guard", "check", "run", "dataset_core", "dataset_diff", "dataset_wide", "drift",
    "affected", "gate", "coverage", "registry", "pr", "broken", "secrets", "growth", "promote",
