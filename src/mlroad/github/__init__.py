"""The settings of a repo on GitHub: what they should be, what they are, and how to change them."""
