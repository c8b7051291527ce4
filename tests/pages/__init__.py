"""The pages of the documentation as tests: each fenced block is run, read, or says why it cannot be."""
