"""`factory train`: a candidate, made here or on Azure ML from the same pipeline.yml."""
