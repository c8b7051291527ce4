"""The guards of a commit: secrets, notebooks, large files, conflict markers."""
