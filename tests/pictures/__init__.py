"""`python -m tests.pictures` makes the pictures of the documentation from what the commands write."""
