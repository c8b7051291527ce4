"""Figures: `python -m tests.benchmarks`."""
