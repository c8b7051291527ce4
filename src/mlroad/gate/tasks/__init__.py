"""One module for each task: what its truth is, what a model may answer, and how its metrics are measured."""
