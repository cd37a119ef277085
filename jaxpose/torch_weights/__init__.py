"""How the reference implementations' PyTorch state dicts map to linen variables, one file a model."""
