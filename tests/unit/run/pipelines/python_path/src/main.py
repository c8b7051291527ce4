import importlib.util
import sys
from pathlib import Path

import helper

print(Path(sys.path[0]).resolve() == Path.cwd().resolve(), helper.WORD)
print("mlroad found:", importlib.util.find_spec("mlroad") is not None)
