"""Every model at its quick sizes on each data set, minutes per run."""

from experiments.table import PARAMETERS, Column, Row, Table
from jaxpose.datasets import PROTOCOLS
from jaxpose.datasets.protocol import Protocol
from jaxpose.models import MODELS


def _table(protocol: Protocol) -> Table:
    """Returns the table of one data set; no paper has figures for it."""
    scores = [
        Column(score.upper().replace("_", "-"), score) for score in protocol.scores
    ]
    rows = [
        Row(model, {}, f"configs/{model}.py:quick_{protocol.name}") for model in MODELS
    ]
    return Table(
        f"Every model at quick sizes: {protocol.name}",
        f"Training subjects {' '.join(protocol.train_subjects)}, tested on "
        f"{' '.join(protocol.test_subjects)}, flip averaging.",
        (*scores, PARAMETERS),
        tuple(rows),
    )


# Data sets without subjects of their own to train on (recordings of users) have none.
TABLES = {
    name: _table(protocol)
    for name, protocol in PROTOCOLS.items()
    if protocol.train_subjects
}
