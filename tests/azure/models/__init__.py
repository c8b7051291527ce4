"""Training in Azure ML, and Azure ML as the registry: the real azure-ai-ml against a loopback."""
