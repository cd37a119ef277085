"""One config per paper; variants are arguments, as in `configs/ampose.py:cmu`."""
