"""The registry of models: versions with their lineage, and their aliases."""
