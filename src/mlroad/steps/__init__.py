"""The step contract, and the files generated from it."""
