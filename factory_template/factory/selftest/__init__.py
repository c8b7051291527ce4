"""`factory selftest`: plants bad candidates, and is red unless every one is rejected for the right reason."""
