"""Judge candidates on the frozen holdout, by the rules in gates.yml. Every check fails closed."""
