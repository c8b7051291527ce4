"""Azure ML: the workspace, its storage, data assets and jobs.

The Azure packages are imported inside functions: they are an optional extra and take a second to import.
"""
