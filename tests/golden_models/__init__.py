"""How each model family of the golden files is built here; see `base.GoldenModel`."""
