"""mlroad with the real Azure clients against tests/azure/loopback."""
