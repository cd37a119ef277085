"""The protocols of CMU motion capture here: splits of our own, as none is published."""

import dataclasses

from jaxpose.datasets.protocol import Protocol

# Of an archive of eight subjects. What other archives hold of these subjects counts,
# too, so scores are comparable only where the same archives were prepared.
PROTOCOL = Protocol(
    name="cmu_mocap",
    train_subjects=("01", "02", "07", "13", "135"),
    test_subjects=("05", "09", "49"),
)
# Of that archive together with a second one, 20 subjects. 60 and 61 are the partners of
# the same dances and stay on one side.
BOTH_ARCHIVES = dataclasses.replace(
    PROTOCOL,
    train_subjects=(
        "01", "02", "03", "05", "07", "08", "09", "13", "14", "16", "29", "60", "61",
        "127", "135", "902", "903",
    ),
    test_subjects=("17", "49", "142"),
)  # fmt: skip
