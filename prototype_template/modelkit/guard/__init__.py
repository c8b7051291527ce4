"""The guards of a commit: secrets, notebooks, large files, conflict markers and rejected patches.

``python -m modelkit.guard`` is the light entry that git hooks use; ``modelkit guard`` is the same thing.
"""
