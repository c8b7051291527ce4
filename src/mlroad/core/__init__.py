"""What every layer uses: problems, YAML with positions, digests, files, git, text, the repo."""
