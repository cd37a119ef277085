"""One config per paper; variants are arguments, as in `configs/ampose.py:cmu`."""

import sys

# The wheel holds this folder as `jaxpose.configs`, whose files import `configs`.
sys.modules.setdefault("configs", sys.modules[__name__])
