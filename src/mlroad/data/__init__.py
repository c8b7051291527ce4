"""Datasets: immutable versions, tables, schemas and differences."""
