"""Acclaim motion capture (.asf/.amc): what `cmu_mocap` and `hdm05` share."""
