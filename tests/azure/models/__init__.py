"""Azure ML as the place to train, and as the registry: the real azure-ai-ml against a loopback."""
