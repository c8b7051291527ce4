"""Plants bad candidates, and fails unless each is rejected for the right reason."""
