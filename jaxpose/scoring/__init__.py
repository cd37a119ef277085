"""Scores of predictions, published protocols, pictures."""
