"""ML Road: make, check, run, gate and register models, from the files that Azure ML runs."""

__version__ = "0.2.0"
