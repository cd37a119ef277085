"""One ml_collections config a paper; variants are arguments: `configs/ampose.py:cmu`."""
