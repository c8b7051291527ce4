"""Models in separate processes, and inference tests."""
