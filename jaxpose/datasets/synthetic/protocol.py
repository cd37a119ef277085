"""The protocol of the synthetic motion: eight bodies to train with, three to score."""

from jaxpose.datasets.protocol import Protocol

# Statures in metres. The test bodies lie between training bodies and equal none.
STATURES = {
    "train": (1.52, 1.58, 1.64, 1.70, 1.76, 1.82, 1.88, 1.94),
    "test": (1.61, 1.73, 1.85),
}

PROTOCOL = Protocol(
    name="synthetic",
    train_subjects=tuple(f"train_{k}" for k in range(len(STATURES["train"]))),
    # 1.70 m: between two training bodies, as the test bodies are.
    validation_subjects=("train_3",),
    test_subjects=tuple(f"test_{k}" for k in range(len(STATURES["test"]))),
)
