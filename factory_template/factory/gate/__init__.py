"""`factory gate`: what a candidate must reach, measured on the frozen holdout. All of it fails closed."""
