"""The protocol of a user's own recordings: a config names the subjects."""

from jaxpose.datasets.protocol import Protocol

PROTOCOL = Protocol(name="custom")
