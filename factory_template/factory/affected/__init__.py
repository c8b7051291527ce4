"""`factory affected`: which models a change touches, decided from git."""
