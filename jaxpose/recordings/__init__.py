"""Turns the files that detectors write into clean 2D keypoints of a person."""
