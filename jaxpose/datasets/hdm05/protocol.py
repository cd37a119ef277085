"""The protocol of HDM05 here: people of another studio, to score and never to train.

Models of this package are given away, and the licence of the data asks to share alike.
"""

from jaxpose.datasets.protocol import Protocol

PROTOCOL = Protocol(name="hdm05", test_subjects=("bd", "bk", "dg", "mm"))
