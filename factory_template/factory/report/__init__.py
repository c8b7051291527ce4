"""`factory report`: one page for the people who decide."""
