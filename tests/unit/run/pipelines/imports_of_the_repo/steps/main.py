from models.other import steps

import mlroad

print(mlroad, steps)
