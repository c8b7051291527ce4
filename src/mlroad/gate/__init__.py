"""What a candidate must reach, measured on the frozen holdout. Every check fails closed."""
