"""`python -m mlroad`."""

from mlroad.cli.main import main

if __name__ == "__main__":
    main()
