"""`mlroad gate`."""
