"""The step contract, and what is generated from it."""
