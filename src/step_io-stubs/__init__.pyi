# A type checker finds the contract here: beside a step it is one of many files with the same name.
from mlroad.steps.step_io import *
