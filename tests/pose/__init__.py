"""Tests of poses, their mathematics and the files they are written to."""
