import importlib.util
import sys
from pathlib import Path

import helper

print(Path(sys.path[0]).resolve() == Path.cwd().resolve(), helper.WORD)
print("modelkit found:", importlib.util.find_spec("modelkit") is not None)
