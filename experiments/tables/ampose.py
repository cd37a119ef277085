"""AMPose: Tables 1 to 4 (ICASSP 2023), Tables 4.1 to 4.9 and section 4.5 (thesis)."""

from typing import Any

from experiments.table import (
    MPI_INF_3DHP,
    PARAMETERS,
    Column,
    Row,
    Table,
    action_columns,
    figures,
    printed_row,
)

# 17 joints are Human3.6M's usual ones; 16 joints leave out `neck_nose`.
CPN17, GT17 = "configs/ampose.py:cpn17", "configs/ampose.py:gt17"
CPN16, GT16 = "configs/ampose.py:cpn16", "configs/ampose.py:gt16"
REFINED = "configs/ampose.py:cpn17_refined"
SINGLE_FRAME_TCN = "configs/videopose3d.py:cpn1"

# The paper has the actions in the usual order, the thesis in one of its own.
PAPER = action_columns()
THESIS = action_columns(
    (
        "WalkT.",
        "WalkD.",
        "Walk",
        "Wait",
        "SitD.",
        "Smoke",
        "Sit",
        "Pose",
        "Purch.",
        "Photo",
        "Greet",
        "Phone",
        "Eat",
        "Dir.",
        "Disc.",
    )
)
MPJPE = (Column("MPJPE"),)
# Neither text mentions flips: training with them and averaging them in the test are
# assumptions, so every table has the scores without averaging too.
PLAIN = Column("without flip averaging", plain=True)
# Counted as the thesis does, so that our figure can be compared with the printed one.
MACS = Column("MACs (M)", "macs_published", scale=1e-6)
HUMAN36M = (
    "Human3.6M, training subjects S1 S5 S6 S7 S8, tested on S9 and S11, flip averaging."
)
REFINEMENT = "Refinement uses the true depth of the root (protocol P.8)."


def _rows(
    columns: tuple[Column, ...], section: str, metric: str, *rows: tuple[Any, ...]
) -> tuple[Row, ...]:
    """Returns rows of (label, figures, config or nothing, fields of Row or nothing)."""
    return tuple(
        printed_row(columns, label, text, *config, section=section, metric=metric)
        for label, text, *config in rows
    )


def _refined(columns: tuple[Column, ...], section: str, label: str, text: str) -> Row:
    """Returns the row of the second stage, trained on top of `cpn17`."""
    return printed_row(
        columns,
        label,
        text,
        REFINED,
        lifting=CPN17,
        section=section,
        note=f"{label}: {REFINEMENT}",
    )


# fmt: off
# Paper, Table 1: MPJPE (protocol 1) and P-MPJPE (protocol 2), 17 joints. The figures
# stand in the order of `PAPER`, the numbers in brackets are the paper's references.
PAPER_1 = (
*_rows(
    PAPER, "Protocol 1, CPN", "mpjpe",
    ("Zhao et al. [23]",
     "47.3 60.7 51.4 60.5 61.1 49.9 47.3 68.1 86.2 55.0 67.8 61.0 42.1 60.6 45.3 57.6"),
    ("Ci et al. [29]",
     "46.8 52.3 44.7 50.4 52.9 68.9 49.6 46.4 60.2 78.9 51.2 50.0 54.8 40.4 43.3 52.7"),
    ("Cai et al. (refinement) [4]",
     "46.5 48.8 47.6 50.9 52.9 61.3 48.3 45.8 59.2 64.4 51.2 48.4 53.5 39.2 41.2 50.6"),
    ("VideoPose3D, 1 frame [3]",
     "47.1 50.6 49.0 51.8 53.6 61.4 49.4 47.4 59.3 67.4 52.4 49.5 55.3 39.5 42.7 51.8",
     SINGLE_FRAME_TCN),
    ("Zou et al. (refinement) [11]",
     "45.4 49.2 45.7 49.4 50.4 58.2 47.9 46.0 57.5 63.0 49.7 46.6 52.2 38.9 40.8 49.4"),
    ("Lutz et al. [2]",
     "45.0 48.8 46.6 49.4 53.2 60.1 47.0 46.7 59.6 67.1 51.2 47.1 53.8 39.4 42.4 50.5"),
    ("AMPose",
     "44.9 49.3 45.2 48.8 51.3 58.6 47.8 44.8 57.1 66.5 49.9 46.4 52.9 39.0 40.6 49.5",
     CPN17),
),
_refined(PAPER, "Protocol 1, CPN", "AMPose (refinement)",
    "42.8 48.6 45.1 48.0 51.0 56.5 46.2 44.9 56.5 63.9 49.6 46.2 50.5 37.9 39.5 48.5"),
*_rows(
    PAPER, "Protocol 2, CPN", "p_mpjpe",
    ("Pavlakos et al. [17]",
     "34.7 39.8 41.8 38.6 42.5 47.5 38.0 36.6 50.7 56.8 42.6 39.6 43.9 32.1 36.5 41.8"),
    ("Ci et al. [6]",
     "36.9 41.6 38.0 41.0 41.9 51.1 38.2 37.6 49.1 62.1 43.1 39.9 43.5 32.2 37.0 42.2"),
    ("Cai et al. (refinement) [4]",
     "36.8 38.7 38.2 41.7 40.7 46.8 37.9 35.6 47.6 51.7 41.3 36.8 42.7 31.0 34.7 40.2"),
    ("VideoPose3D, 1 frame [3]",
     "36.0 38.7 38.0 41.7 40.1 45.9 37.1 35.4 46.8 53.4 41.4 36.9 43.1 30.3 34.8 40.0",
     SINGLE_FRAME_TCN),
    ("Zou et al. (refinement) [11]",
     "35.7 38.6 36.3 40.5 39.2 44.5 37.0 35.4 46.4 51.2 40.5 35.6 41.7 30.7 33.9 39.1"),
    ("AMPose",
     "34.9 38.2 36.7 39.7 39.6 44.7 36.0 34.3 46.8 52.9 40.4 35.5 41.6 30.4 33.4 39.0",
     CPN17),
),
*_rows(
    PAPER, "Protocol 1, ground-truth 2D", "mpjpe",
    ("Ci et al. [29]",
     "36.3 38.8 29.7 37.8 34.6 42.5 39.8 32.5 36.2 39.5 34.4 38.4 38.2 31.3 34.2 36.3"),
    ("Lutz et al. [2]",
     "31.0 36.6 30.2 33.4 33.5 39.0 37.1 31.3 37.1 40.1 33.8 33.5 35.0 28.7 29.1 34.0"),
    ("Zeng et al. [30]",
     "32.9 34.5 27.6 31.7 33.5 42.5 35.1 29.5 38.9 45.9 33.3 34.9 34.4 26.5 27.1 33.9"),
    ("AMPose",
     "31.2 35.9 29.2 33.4 33.6 39.2 37.8 30.8 35.9 41.6 32.9 34.3 34.5 27.8 29.3 33.8",
     GT17),
),
)
# fmt: on

# fmt: off
# Paper, Table 2: 16 joints, CPN and ground-truth 2D.
PAPER_2 = (
*_rows(
    PAPER, "Protocol 1, CPN, 16 joints", "mpjpe",
    ("Liu et al. [10]",
     "46.3 52.2 47.3 50.7 55.5 67.1 49.2 46.0 60.4 71.1 51.5 50.1 54.5 40.3 43.7 52.4"),
    ("Xu et al. [9]",
     "45.2 49.9 47.5 50.9 54.9 66.1 48.5 46.3 59.7 71.5 51.4 48.6 53.9 39.9 44.1 51.9"),
    ("Zhao et al. [1]",
     "45.2 50.8 48.0 50.0 54.9 65.0 48.0 47.1 60.2 70.0 51.6 48.7 54.1 39.7 43.1 51.8"),
    ("AMPose",
     "45.8 49.1 47.8 50.0 52.9 59.0 46.9 45.8 58.9 68.0 51.1 47.2 53.6 39.9 41.8 50.5",
     CPN16),
),
*_rows(
    PAPER, "Protocol 1, ground-truth 2D, 16 joints", "mpjpe",
    ("Liu et al. [10]",
     "36.8 40.3 33.0 36.3 37.5 45.0 39.7 34.9 40.3 47.7 37.4 38.5 38.6 29.6 32.0 37.8"),
    ("Xu et al. [9]",
     "35.8 38.1 31.0 35.3 35.8 43.2 37.3 31.7 38.4 45.5 35.4 36.7 36.8 27.9 30.7 35.8"),
    ("Zhao et al. [1]",
     "32.0 38.0 30.4 34.4 34.7 43.3 35.2 31.4 38.0 46.2 34.2 35.7 36.1 27.4 30.6 35.2"),
    ("AMPose",
     "31.3 36.7 30.0 34.3 34.0 37.8 38.2 32.0 36.0 40.7 34.1 34.4 34.6 28.2 29.8 34.1",
     GT16),
),
)
# fmt: on

# Trained on Human3.6M, scored on the test set of MPI-INF-3DHP in Human3.6M's joints.
CROSS_DATASET = {
    **{
        field: MPI_INF_3DHP[field]
        for field in ("dataset.name", "dataset.test_subjects")
    },
    "dataset.skeleton": "h36m_17",
    "dataset.keypoints_skeleton": "h36m_17",
}
# Columns of PCK: studio with a green screen, studio without, outdoors. The thesis
# prints them in reverse order, and AUC before PCK.
SCENES = tuple(
    Column(scene, "pck", cells=(scene,)) for scene in ("GS", "noGS", "Outdoor")
)
PAPER_3 = (*SCENES, Column("PCK", "pck"), Column("AUC", "auc"))
THESIS_4 = (SCENES[2], SCENES[1], SCENES[0], Column("AUC", "auc"), Column("PCK", "pck"))
CROSS_NOTE = (
    "Trained on Human3.6M without fine-tuning, tested on MPI-INF-3DHP. Assumptions: "
    "ground-truth 2D in training and test (neither text names the 2D), the test set "
    "converted to the 17 Human3.6M joints (neither maps them), and the 14 joints of "
    "the official protocol (neither says which count)."
)

# Paper, Table 4 and thesis, Table 4.6: label, `config.model.block` where it is not the
# default, then MACs (M), parameters (M) and MPJPE.
BLOCKS = (
    ("Two residual", "two_residual", "312.2 18.5 50.1"),
    ("Transformer", "transformer", "289.8 17.0 50.1"),
    ("ConvNeXt", "convnext", "289.9 17.0 50.0"),
    ("AMPose", "", "312.2 18.3 49.5"),
)
# Columns of the thesis's Tables 4.5, 4.6 and 4.9.
THESIS_5 = (
    Column("PCK", "pck"),
    Column("AUC", "auc"),
    MACS,
    PARAMETERS,
    Column("MPJPE", "mpjpe"),
)
THESIS_6 = (MACS, PARAMETERS, *MPJPE)
THESIS_9 = (PARAMETERS, *MPJPE)


def _variation(
    columns: tuple[Column, ...],
    label: str,
    text: str,
    config: str,
    field: str,
    value: str,
) -> Row:
    """Returns the row of a variant with one field of its model changed, if `value`."""
    overrides = {f"model.{field}": value} if value else {}
    return printed_row(columns, label, text, config, overrides, value.replace("+", "-"))


# fmt: off
# Thesis, Table 4.1: MPJPE, 17 joints.
ROWS_4_1 = (
*_rows(
    THESIS, "CPN", "mpjpe",
    ("Ci et al. [5]",
     "43.3 54.8 40.4 50.0 78.9 51.2 60.2 49.6 46.4 68.9 50.4 52.9 44.7 46.8 52.3 52.7"),
    ("VideoPose3D, 1 frame [25]",
     "42.7 55.3 39.5 49.5 67.4 52.4 59.3 49.4 47.4 61.4 51.8 53.6 49.0 47.1 50.6 51.8",
     SINGLE_FRAME_TCN),
    ("Cai et al. [1] *",
     "41.2 53.5 39.2 48.4 64.4 51.2 59.2 48.3 45.8 61.3 50.9 52.9 47.6 46.5 48.8 50.6"),
    ("Lutz et al. [19]",
     "42.4 53.8 39.4 47.1 67.1 51.2 59.6 47.0 46.7 60.1 49.4 53.2 46.6 45.0 48.8 50.5"),
    ("Zou et al. [37] *",
     "40.8 52.2 38.9 46.6 63.0 49.7 57.5 47.9 46 58.2 49.4 50.4 45.7 45.4 49.2 49.4"),
    ("AMPose",
     "40.6 52.9 39.0 46.4 66.5 49.9 57.1 47.8 44.8 58.6 48.8 51.3 45.2 44.9 49.3 49.5",
     CPN17),
),
_refined(
    THESIS,
    "CPN",
    "AMPose *",
    "39.5 50.5 37.9 46.2 63.9 49.6 56.5 46.2 44.9 56.5 48.0 51.0 45.1 42.8 48.6 48.5",
),
*_rows(
    THESIS, "Ground-truth 2D", "mpjpe",
    ("Ci et al. [5]",
     "34.2 38.2 31.3 38.4 39.5 34.4 36.2 39.8 32.5 42.5 37.8 34.6 29.7 36.3 38.8 36.3"),
    ("Lutz et al. [19]",
     "29.1 35.0 28.7 33.5 40.1 33.8 37.1 37.1 31.3 39.0 33.4 33.5 30.2 31.0 36.6 34.0"),
    ("Zeng et al. [31]",
     "27.1 34.4 26.5 34.9 45.9 33.3 38.9 35.1 29.5 42.5 31.7 33.5 27.6 32.9 34.5 33.9"),
    ("AMPose",
     "28.5 34.3 27.5 34.5 41.8 33.2 34.3 37.1 31.9 37.7 33.2 33.9 30.0 30.7 35.9 33.7",
     GT17),
),
)
# Thesis, Table 4.2: P-MPJPE, 17 joints.
ROWS_4_2 = _rows(
        THESIS, "CPN", "p_mpjpe",
    ("Ci et al. [5]",
     "37.0 43.5 32.2 39.9 62.1 43.1 49.1 38.2 37.6 51.1 41.0 41.9 38.0 36.9 41.6 42.2"),
    ("Cai et al. [1] *",
     "34.7 42.7 31.0 36.8 51.7 41.3 47.6 37.9 35.6 46.8 41.7 40.7 38.2 36.8 38.7 40.2"),
    ("VideoPose3D, 1 frame [25]",
     "34.8 43.1 30.3 36.9 53.4 41.4 46.8 37.1 35.4 45.9 41.7 40.1 38.0 36.0 38.7 40.0",
     SINGLE_FRAME_TCN),
    ("Zou et al. [37] *",
     "33.9 41.7 30.7 35.6 51.2 40.5 46.4 37.0 35.4 44.5 40.5 39.2 36.3 35.7 38.6 39.1"),
    ("AMPose",
     "33.4 41.6 30.4 35.5 52.9 40.4 46.8 36.0 34.3 44.7 39.7 39.6 36.7 34.9 38.2 39.0",
     CPN17),
)
# Thesis, Table 4.3: MPJPE, 16 joints.
ROWS_4_3 = (
*_rows(
    THESIS, "CPN", "mpjpe",
    ("Liu et al. [16]",
     "43.7 54.5 40.3 50.1 71.1 51.5 60.4 49.2 46.0 67.1 50.7 55.5 47.3 46.3 52.2 52.4"),
    ("Xu et al. [29]",
     "44.1 53.9 39.9 48.6 71.5 51.4 59.7 48.5 46.3 66.1 50.9 54.9 47.5 45.2 49.9 51.9"),
    ("Zhao et al. [34]",
     "43.1 54.1 39.7 48.7 70.0 51.6 60.2 48.0 47.1 65.0 50.0 54.9 48.0 45.2 50.8 51.8"),
    ("AMPose",
     "41.8 53.6 39.9 47.2 68.0 51.1 58.9 46.9 45.8 59.0 50.0 52.9 47.8 45.8 49.1 50.5",
     CPN16),
),
Row("Liu et al. [16]", {"Avg.": 37.8}, section="Ground-truth 2D"),
Row("AMPose", {"Avg.": 34.1}, GT16, section="Ground-truth 2D"),
)
# fmt: on

TABLES = {
    # Paper (ICASSP 2023): two tables by action, a cross-data test, one ablation.
    "table1": Table(
        "AMPose, paper Table 1: Human3.6M, 17 joints",
        f"{HUMAN36M} Millimetres.",
        (*PAPER, PLAIN),
        PAPER_1,
    ),
    "table2": Table(
        "AMPose, paper Table 2: Human3.6M, 16 joints",
        f"{HUMAN36M} Millimetres.",
        (*PAPER, PLAIN),
        PAPER_2,
    ),
    # No data of MPI-INF-3DHP is trained on: the run of Table 1 with ground-truth 2D is
    # scored again.
    "table3": Table(
        "AMPose, paper Table 3: from Human3.6M to MPI-INF-3DHP",
        CROSS_NOTE,
        PAPER_3,
        (
            *_rows(
                PAPER_3,
                "",
                "mpjpe",
                ("Martinez et al. [8]", "49.8 42.5 31.2 42.5 17.0"),
                ("Mehta et al. [32]", "70.8 62.3 58.5 64.7 31.7"),
                ("Ci et al. [29]", "74.8 70.8 77.3 74.0 36.7"),
                ("Zhao et al. [1]", "80.1 77.9 74.1 79.0 43.8"),
                ("Liu et al. [10]", "77.6 80.5 80.1 79.3 47.6"),
                ("Xu et al. [9]", "81.5 81.7 75.2 80.1 45.8"),
                ("Zeng et al. [2]", "- - 84.6 82.1 46.2"),
                ("Zou et al. [11]", "86.4 86.0 85.7 86.1 53.7"),
            ),
            Row(
                "AMPose",
                figures(PAPER_3, "86.0 87.6 87.3 87.0 54.7"),
                GT17,
                evaluation=CROSS_DATASET,
            ),
        ),
    ),
    # The paper prints MPJPE alone; the thesis's Table 4.6 has the sizes, too.
    "table4": Table(
        "AMPose, paper Table 4: designs of the GCN block",
        f"{HUMAN36M} CPN, 17 joints, millimetres.",
        (*MPJPE, PLAIN),
        tuple(
            _variation(MPJPE, label, text.split()[-1], CPN17, "block", block)
            for label, block, text in BLOCKS
        ),
    ),
    # Thesis: Tables 4.1 to 4.4 are on the data of the paper's Tables 1 to 3.
    "table4.1": Table(
        "AMPose, thesis Table 4.1: Human3.6M, 17 joints, MPJPE",
        f"{HUMAN36M} Millimetres; * refinement.",
        (*THESIS, PLAIN),
        ROWS_4_1,
    ),
    "table4.2": Table(
        "AMPose, thesis Table 4.2: Human3.6M, 17 joints, P-MPJPE",
        f"{HUMAN36M} Millimetres; * refinement.",
        (*THESIS, PLAIN),
        ROWS_4_2,
    ),
    "table4.3": Table(
        "AMPose, thesis Table 4.3: Human3.6M, 16 joints, MPJPE",
        f"{HUMAN36M} Millimetres. The ground-truth rows are damaged in the thesis's "
        "text, so only averages are here; the paper's Table 2 has them whole.",
        (*THESIS, PLAIN),
        ROWS_4_3,
    ),
    "table4.4": Table(
        "AMPose, thesis Table 4.4: from Human3.6M to MPI-INF-3DHP",
        CROSS_NOTE,
        THESIS_4,
        (
            *_rows(
                THESIS_4,
                "",
                "mpjpe",
                ("Ci et al. [5]", "77.3 70.8 74.8 36.7 74.0"),
                ("Zhao et al. [34]", "74.1 77.9 80.1 43.8 79.0"),
                ("Liu et al. [16]", "80.1 80.5 77.6 47.6 79.3"),
                ("Xu et al. [29]", "75.2 81.7 81.5 45.8 80.1"),
                ("Zou et al. [37]", "85.7 86.0 86.4 53.7 86.1"),
            ),
            Row(
                "AMPose",
                figures(THESIS_4, "87.4 87.5 86.1 55.2 87.0"),
                GT17,
                evaluation=CROSS_DATASET,
            ),
        ),
    ),
    # AMPose's only rows with more than one frame: windows of 1, 9 and 27.
    "table4.5": Table(
        "AMPose, thesis Table 4.5: trained on MPI-INF-3DHP",
        "Ground-truth 2D, 17 joints, official protocol: 14 joints count towards PCK "
        "and AUC, valid frames pooled. MPJPE in millimetres. Training subjects S1 to "
        "S8.",
        THESIS_5,
        _rows(
            THESIS_5,
            "",
            "mpjpe",
            ("Li et al. (9 frames) [14]", "93.8 63.3 1030 18.9 58.0"),
            ("Zhang et al. (1 frame) [32]", "94.2 63.8 645 33.7 57.9"),
            ("Zhang et al. (27 frames) [32]", "94.4 66.5 645 33.7 54.9"),
            ("Shan et al. (81 frames) [26]", "97.9 75.8 493 5.4 32.2"),
            ("AMPose (1 frame)", "98.0 79.1 312 18.3 30.8", "configs/ampose.py:mpi1"),
            ("AMPose (9 frames)", "98.0 81.2 312 18.4 28.0", "configs/ampose.py:mpi9"),
            (
                "AMPose (27 frames)",
                "98.0 81.3 313 18.4 27.9",
                "configs/ampose.py:mpi27",
            ),
        ),
    ),
    # The runs of the paper's Table 4, with their sizes.
    "table4.6": Table(
        "AMPose, thesis Table 4.6: designs of the GCN block",
        f"{HUMAN36M} CPN, 17 joints, millimetres. Multiply-accumulates as the thesis "
        "counts them: linear maps and batch norms.",
        (*THESIS_6, PLAIN),
        tuple(
            _variation(THESIS_6, label, text, CPN17, "block", block)
            for label, block, text in BLOCKS
        ),
    ),
    # An empty order, like an empty block or group, is the published default.
    "table4.7": Table(
        "AMPose, thesis Table 4.7: order of encoders and GCN blocks",
        f"{HUMAN36M} CPN, 16 joints, depth 5, millimetres.",
        (*MPJPE, PLAIN),
        tuple(
            _variation(MPJPE, label, text, CPN16, "order", order)
            for label, text, order in (
                ("5 transformers, then 5 GCN blocks", "52.0", "encoders_then_graphs"),
                ("5 GCN blocks, then 5 transformers", "57.2", "graphs_then_encoders"),
                ("Alternately, GCN blocks first", "50.9", "graph_first"),
                ("Alternately, transformers first", "50.5", ""),
            )
        ),
    ),
    # Joints in one pair of brackets share a weight matrix.
    "table4.8": Table(
        "AMPose, thesis Table 4.8: groups of neighbours",
        f"{HUMAN36M} CPN, 16 joints, millimetres.",
        (*MPJPE, PLAIN),
        tuple(
            _variation(MPJPE, label, text, CPN16, "groups", groups)
            for label, text, groups in (
                (
                    "(center), (farther), (closer), (symmetry)",
                    "51.1",
                    "self_closer_farther_mirror",
                ),
                (
                    "(center), (farther, closer), (symmetry)",
                    "51.0",
                    "self_closer+farther_mirror",
                ),
                (
                    "(center), (farther, closer, symmetry)",
                    "51.6",
                    "self_closer+farther+mirror",
                ),
                (
                    "(center, farther, closer, symmetry)",
                    "53.6",
                    "self+closer+farther+mirror",
                ),
                ("(center), (farther), (closer)", "50.5", ""),
                ("(center), (farther, closer)", "50.8", "self_closer+farther"),
            )
        ),
    ),
    # The smaller sizes are variants: the config file names them by depth and width.
    "table4.9": Table(
        "AMPose, thesis Table 4.9: depth and width",
        f"{HUMAN36M} CPN, 16 joints, millimetres. The thesis truncates its parameter "
        "counts.",
        (*THESIS_9, PLAIN),
        tuple(
            Row(f"depth {depth}, {width} channels", figures(THESIS_9, text), config)
            for depth, width, text, config in (
                (4, 108, "0.67 51.3", "configs/ampose.py:d4w108"),
                (4, 128, "0.93 51.0", "configs/ampose.py:d4w128"),
                (5, 128, "1.17 51.2", "configs/ampose.py:d5w128"),
                (4, 256, "3.70 51.0", "configs/ampose.py:d4w256"),
                (4, 384, "8.31 50.9", "configs/ampose.py:d4w384"),
                (5, 512, "18.38 50.5", CPN16),
                (6, 512, "22.13 50.8", "configs/ampose.py:d6w512"),
            )
        ),
    ),
    # Not a table of the thesis: the figures stand in the text of section 4.5.
    "toes": Table(
        "AMPose, thesis section 4.5: toe direction",
        f"{HUMAN36M} The 2D vector from ankle to toe of each leg, embedded and added "
        "at the first encoder.",
        (*MPJPE, PLAIN),
        (
            Row("AMPose, 16 joints, CPN", {"MPJPE": 50.5}, CPN16),
            Row("AMPose, 16 joints, ground-truth 2D", {"MPJPE": 34.1}, GT16),
            Row(
                "with the direction of the toes",
                {"MPJPE": 50.7},
                "configs/ampose.py:toes16",
                note="Toes: the paper's figure is with CPN; here the 2D is ground "
                "truth, as no file of detections "
                "has toes, so it compares with the ground-truth row.",
            ),
        ),
    ),
    # Not a table of either text: what the assumed flips do.
    "flips": Table(
        "AMPose: flips in training and test",
        f"{HUMAN36M} CPN, 17 joints, millimetres. Neither text mentions flips.",
        (*MPJPE, PLAIN),
        (
            Row("flips in training", {}, CPN17),
            Row("no flips in training", {}, CPN17, {"augment_flip": False}, "no_flips"),
        ),
    ),
    # What else both texts leave open, one field at a time.
    "assumptions": Table(
        "AMPose: choices that the texts leave open",
        f"{HUMAN36M} CPN, 17 joints, millimetres. The last row has what is assumed.",
        (*MPJPE, PLAIN, PARAMETERS),
        (
            *(
                Row(label, {}, CPN17, {f"model.{field}": value}, name)
                for label, field, value, name in (
                    ("logits / sqrt(width)", "attention_scale", "width", "scale_width"),
                    ("perceptrons of ratio 4", "mlp_ratio", 4.0, "mlp_4"),
                    ("ReLU in perceptrons", "mlp_activation", "relu", "mlp_relu"),
                    ("no query, key and value bias", "qkv_bias", False, "no_qkv_bias"),
                    ("GELU in graph blocks", "activation", "gelu", "graph_gelu"),
                    ("degrees taken literally", "normalisation", "literal", "literal"),
                )
            ),
            Row("AMPose", {}, CPN17),
        ),
    ),
}
