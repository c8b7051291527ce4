"""Azure ML: the same pipelines and versions there. Nothing here is imported before Azure is asked for."""
