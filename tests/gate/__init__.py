"""`factory gate`."""
