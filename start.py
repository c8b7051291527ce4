"""Start here. This needs only Python and git: `python3 start.py --help`.

Any Python must be able to parse this file, however old, so it uses only syntax that every version supports.
"""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "start.py: this is Python %d.%d. Python 3.11 or newer is needed: install it, and call it by name, "
        "such as `python3.12 start.py`.\n" % sys.version_info[:2]
    )
    sys.exit(2)

# These modules build the wheel and run Copier, and need only the standard library.
sys.path.insert(0, sys.path[0] + "/src")

from tools.start import main

if __name__ == "__main__":
    sys.exit(main())
