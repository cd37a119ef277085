"""A table of two small rows, one quoted and one whose data is absent."""

from experiments.table import Column, Row, Table

MODEL = "configs/ampose.py:quickstart"
TINY = Table(
    "A table",
    "A note.",
    (
        Column("MPJPE"),
        Column("Walk", cells=("Walking",)),
        Column("quoted", quoted=True),
    ),
    (
        Row("Somebody", {"MPJPE": 50.0, "quoted": 7}),
        Row(
            "Deep",
            {"MPJPE": 40.5},
            MODEL,
            {"model.depth": 2},
            "deep",
            note="Deep is deep.",
        ),
        Row("Wide", {"MPJPE": 41.0}, MODEL, {"model.joint_width": 32}, "wide"),
        Row("Licensed", {"MPJPE": 30.0}, "configs/ampose.py:cpn17"),
    ),
)
