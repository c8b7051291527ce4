"""Shared by every layer: problems, YAML with positions, digests, files, git, text, the repo."""
