"""Plant bad candidates, and fail unless the gate rejects each for the right reason."""
