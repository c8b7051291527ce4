"""`factory check`: everything that can be known of the model folders without training anything."""
