import pathlib
import sys

pathlib.Path(sys.argv[2]).write_text(f"{sys.argv[1]} {len(sys.argv)}\n")
