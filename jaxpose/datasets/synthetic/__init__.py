"""Procedural human motion: the data set that needs no download."""
