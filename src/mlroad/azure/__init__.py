"""Azure ML: the workspace, its storage, data assets and jobs.

Functions import the Azure packages, not modules: they are an optional extra and take a second to import.
"""
