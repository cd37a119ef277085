"""Prepared data on its way to the model: clips, windows, augmentation."""
