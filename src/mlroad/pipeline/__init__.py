"""Azure ML v2 pipeline YAML: the typed model, its loader, and the checker."""
