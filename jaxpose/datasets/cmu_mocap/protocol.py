"""The protocol of CMU motion capture here: a split of our own, as none is published."""

from jaxpose.datasets.protocol import Protocol

PROTOCOL = Protocol(
    name="cmu_mocap",
    train_subjects=("01", "02", "07", "13", "135"),
    test_subjects=("05", "09", "49"),
)
