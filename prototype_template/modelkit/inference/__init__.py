"""Inference tests: what a model must answer, as requests of the Open Inference Protocol, whatever runs it."""
