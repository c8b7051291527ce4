"""`python -m mlroad`."""

from __future__ import annotations

from mlroad.cli.main import main

if __name__ == "__main__":
    main()
