"""Ask a model in a process of its own, and its inference tests."""
