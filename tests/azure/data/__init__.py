"""What mlroad does in Azure, by the real clients against tests/azure_loopback."""
