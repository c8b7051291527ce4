import sys
from pathlib import Path

import helper

here = Path.cwd().resolve()
repo = here.parents[5]
assert (repo / "models/python_path/pipeline.yml").exists()
print(Path(sys.path[0]).resolve() == here, helper.WORD)
print("of the repo:", [path for path in sys.path[1:] if Path(path).resolve().is_relative_to(repo)])
