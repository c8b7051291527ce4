"""From a prototype's tag to a factory branch, and back."""
