"""Datasets: immutable versions that are files, what they were derived from, and what they trained."""
