"""The registry of models: versions with their lineage, and the aliases that say which one is used."""
