"""modelkit: make, check and run model folders on a laptop, from the files that Azure ML runs."""

__version__ = "0.1.0"
