"""Start here, with nothing but Python and git: `python3 start.py --help`.

This file is read by whatever Python a laptop has, however old, so it keeps to syntax that all of them know.
"""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "start.py: this is Python %d.%d. Python 3.11 or newer is needed: install it, and call it by name, "
        "such as `python3.12 start.py`.\n" % sys.version_info[:2]
    )
    sys.exit(2)

# The parts of the tool that need no other package: they build the wheel and run Copier.
sys.path.insert(0, sys.path[0] + "/src")

from tools.start import main

if __name__ == "__main__":
    sys.exit(main())
