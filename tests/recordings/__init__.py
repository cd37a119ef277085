"""Tests of `jaxpose.recordings`."""
