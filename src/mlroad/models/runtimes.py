"""The names of the runtimes in which a model can be tested."""

RUNTIMES = ("pyfunc", "onnx", "http", "dotnet")
ALL = "all"
"""All runtimes that need no server; .NET if the repo has the harness."""
