"""factory: from a pull request to a registered model, on a laptop or on Azure ML, from the same files."""

__version__ = "0.1.0"
