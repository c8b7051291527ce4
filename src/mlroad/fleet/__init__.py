"""All repos of an organization: how far behind each is, and what it has."""
