"""Run a pipeline on this machine with Azure ML's semantics."""
