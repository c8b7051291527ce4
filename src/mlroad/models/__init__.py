"""Models in processes of their own, and inference tests."""
