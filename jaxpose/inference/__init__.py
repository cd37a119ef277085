"""Prediction of whole clips, recordings and streams."""
