"""GAST-Net: Tables 1 to 5 and Figure 4 of the paper.

ICRA 2021, with its supplementary material.
"""

import dataclasses
from typing import Any

from experiments.table import (
    PARAMETERS,
    Column,
    Row,
    Table,
    action_columns,
    figures,
    humaneva_columns,
    printed_row,
)

# GAST-Net by the length of its window; VideoPose3D (a plain TCN) beside it.
CPN9, CPN27, CPN81, CPN243 = (
    f"configs/gast_net.py:cpn{frames}" for frames in (9, 27, 81, 243)
)
CAUSAL243 = "configs/gast_net.py:cpn243_causal"
TCN243, TCN243_CAUSAL = (
    "configs/videopose3d.py:cpn243",
    "configs/videopose3d.py:cpn243_causal",
)
HUMAN36M = (
    "Human3.6M, training subjects S1 S5 S6 S7 S8, tested on S9 and S11, flip "
    "averaging, millimetres; 10 frames a second except at T=243."
)
ALL = action_columns()
# HumanEva-I: three actions of three subjects, then their mean.
EVA = humaneva_columns(("Walking", "Jog", "Box"))
# Columns of Table 1, then of Tables 3 and 5.
PARTS = (Column("MPJPE"), PARAMETERS)
PROTOCOLS = (Column("MPJPE"), Column("P-MPJPE", "p_mpjpe"))
# Columns of Figure 4, whose curves have no numbers: all rows are measured. The paper's
# text says the shares.
CURVES = (
    Column("MPJPE", everywhere=True),
    Column("P-MPJPE", "p_mpjpe", everywhere=True),
    dataclasses.replace(PARAMETERS, everywhere=True),
    Column("Share of the TCN's size (%)", quoted=True),
)


def _part(label: str, text: str, *config: Any, **fields: Any) -> Row:
    """Returns a row of Table 1: MPJPE and parameters."""
    return printed_row(PARTS, label, text, *config, **fields)


def _action(
    section: str, metric: str, label: str, text: str, *config: Any, note: str = ""
) -> Row:
    """Returns a row of Table 2, by action."""
    return printed_row(
        ALL, label, text, *config, metric=metric, section=section, note=note
    )


def _rows(section: str, metric: str, *rows: tuple[Any, ...]) -> tuple[Row, ...]:
    """Returns rows of (label, figures, config or nothing)."""
    return tuple(_action(section, metric, *row) for row in rows)


def _both(section: str, label: str, text: str, *config: Any) -> Row:
    """Returns a row of Table 3: both protocols."""
    return printed_row(PROTOCOLS, label, text, *config, section=section)


def _humaneva(label: str, text: str, *config: Any, **fields: Any) -> Row:
    """Returns a row of Table 4, by action and subject."""
    return printed_row(EVA, label, text, *config, metric="p_mpjpe", **fields)


def _curve(label: str, frames: int, text: str, config: str) -> Row:
    """Returns a row of Figure 4: a network with a window of `frames` frames."""
    return printed_row(CURVES, label, text, config, section=f"T={frames}")


# fmt: off
# Table 2: MPJPE (protocol 1) and P-MPJPE (protocol 2), in the order of `ALL`; T is the
# window's length.
ROWS_2 = (
*_rows(
    "Protocol 1", "mpjpe",
    ("Martinez [9], T=1",
     "51.8 56.2 58.1 59.0 69.5 78.4 55.2 58.1 74.0 94.6 62.3 59.1 65.1 49.5 52.4 62.9"),
    ("Fang [16], T=1",
     "50.1 54.3 57.0 57.1 66.6 73.3 53.4 55.7 72.8 88.6 60.3 57.7 62.7 47.5 50.6 60.4"),
    ("Lee [29], T=3",
     "40.2 49.2 47.8 52.6 50.1 75.0 50.2 43.0 55.8 73.9 54.1 55.6 58.2 43.3 43.3 52.8"),
    ("Hossain [20], T=5",
     "44.2 46.7 52.3 49.3 59.9 59.4 47.5 46.2 59.9 65.6 55.8 50.4 52.3 43.5 45.1 51.9"),
    ("Dabral [10], T=20",
     "44.8 50.4 44.7 49.0 52.9 61.4 43.5 45.5 63.1 87.3 51.7 48.5 52.2 37.6 41.9 52.1"),
    ("Ci [15], T=1",
     "46.8 52.3 44.7 50.4 52.9 68.9 49.6 46.4 60.2 78.9 51.2 50.0 54.8 40.4 43.3 52.7"),
    ("Cai [22], T=7",
     "44.6 47.4 45.6 48.8 50.8 59.0 47.2 43.9 57.9 61.9 49.7 46.6 51.3 37.1 39.4 48.8"),
    ("VideoPose3D [21], T=243 *",
     "45.9 48.5 44.3 47.8 51.9 57.8 46.2 45.6 59.9 68.5 50.6 46.4 51.0 34.5 35.4 49.0",
     TCN243_CAUSAL),
    ("VideoPose3D [21], T=243",
     "45.2 46.7 43.3 45.6 48.1 55.1 44.6 44.3 57.3 65.8 47.1 44.0 49.0 32.8 33.9 46.8",
     TCN243),
    ("GAST-Net, T=27",
     "44.9 46.7 41.9 45.6 47.9 56.1 44.2 45.5 57.1 59.1 46.8 43.5 47.5 32.6 33.1 46.2",
     CPN27),
    ("GAST-Net, T=81",
     "45.5 44.9 42.1 45.8 47.4 54.4 43.1 43.7 58.1 60.0 47.2 43.8 46.6 31.5 31.9 45.7",
     CPN81),
    ("GAST-Net, T=243 *",
     "45.5 48.4 43.9 48.3 49.3 57.6 45.0 45.8 57.3 61.4 49.3 45.3 49.6 33.7 33.4 47.7",
     CAUSAL243),
    ("GAST-Net, T=243",
     "43.3 46.1 40.9 44.6 46.6 54.0 44.1 42.9 55.3 57.9 45.8 43.4 47.3 30.4 30.3 44.9",
     CPN243),
),
*_rows(
    "Protocol 2", "p_mpjpe",
    ("Martinez [9], T=1",
     "39.5 43.2 46.4 47.0 51.0 56.0 41.4 40.6 56.5 69.4 49.2 45.0 49.5 38.0 43.1 47.7"),
    ("Fang [16], T=1",
     "38.2 41.7 43.7 44.9 48.5 55.3 40.2 38.2 54.5 64.4 47.2 44.3 47.3 36.7 41.7 45.7"),
    ("Lee [29], T=3",
     "34.9 35.2 43.2 42.6 46.2 55.0 37.6 38.8 50.9 67.3 48.9 35.2 31.0 50.7 34.6 43.4"),
    ("Hossain [20], T=5",
     "36.9 37.9 42.8 40.3 46.8 46.7 37.7 36.5 48.9 52.6 45.6 39.6 43.5 35.2 38.5 42.0"),
    ("Dabral [10], T=20",
     "28.0 30.7 39.1 34.4 37.1 44.8 28.9 31.2 39.3 60.6 39.3 31.1 37.8 25.3 28.4 36.3"),
    ("Ci [15], T=1",
     "36.9 41.6 38.0 41.0 41.9 51.1 38.2 37.6 49.1 62.1 43.1 39.9 43.5 32.2 37.0 42.2"),
    ("Cai [22], T=7",
     "35.7 37.8 36.9 40.7 39.6 45.2 37.4 34.5 46.9 50.1 40.5 36.1 41.0 29.6 33.2 39.0"),
    ("VideoPose3D [21], T=243 *",
     "35.1 37.7 36.1 38.8 38.5 44.7 35.4 34.7 46.7 53.9 39.6 35.4 39.4 27.3 28.6 38.1",
     TCN243_CAUSAL),
    ("VideoPose3D [21], T=243",
     "34.1 36.1 34.4 37.2 36.4 42.2 34.4 33.6 45.0 52.5 37.4 33.8 37.8 25.6 27.3 36.5",
     TCN243),
    ("GAST-Net, T=27",
     "34.0 36.6 33.5 37.2 36.4 42.7 34.1 34.4 45.5 47.0 37.2 33.0 36.6 24.9 26.9 36.0",
     CPN27),
    ("GAST-Net, T=81",
     "33.9 36.0 33.9 37.1 36.7 42.6 33.7 33.0 46.0 47.1 37.6 33.5 35.9 25.0 26.0 35.9",
     CPN81),
),
_action("Protocol 2", "p_mpjpe", "GAST-Net, T=243 *",
    "34.9 37.5 34.9 38.3 37.4 44.0 34.4 34.6 45.1 48.0 49.3 34.8 37.7 26.2 27.1 36.9",
    CAUSAL243,
    note="GAST-Net, T=243 *, protocol 2: 49.3 for smoking stands so in "
         "the paper, and repeats its MPJPE."),
_action("Protocol 2", "p_mpjpe", "GAST-Net, T=243",
    "32.7 36.2 33.4 36.5 36.0 41.5 33.6 33.1 44.1 46.8 36.7 33.1 35.8 24.2 24.8 35.2",
    CPN243),
)
# fmt: on

# Table 4: P-MPJPE; `-` where a paper does not score boxing, and so has no mean.
ROWS_4 = (
    _humaneva("Lin [31]", "26.5 20.7 38.0 41.0 29.7 33.2 39.4 57.8 61.2 38.6"),
    _humaneva("Pavlakos [5]", "22.3 19.5 29.7 28.9 21.9 23.8 - - - -"),
    _humaneva("Martinez [9]", "19.7 17.4 46.8 26.9 18.2 18.6 - - - -"),
    _humaneva("Pavlakos [7]", "18.8 12.7 29.2 23.5 15.4 14.5 - - - -"),
    _humaneva("Lee [29]", "18.6 19.9 30.5 25.7 16.8 17.7 42.8 48.1 53.4 30.4"),
    _humaneva(
        "VideoPose3D [21]",
        "13.9 10.2 46.6 20.9 13.1 13.8 23.8 33.7 32.0 23.1",
        "configs/videopose3d.py:humaneva27",
        {
            "dataset.name": "humaneva/detectron_pt_coco",
            "model.keypoints_skeleton": "coco_17",
        },
        "mrcnn",
    ),
    _humaneva(
        "GAST-Net",
        "13.7 9.2 46.2 20.1 12.5 12.7 21.8 27.8 27.0 21.2",
        "configs/gast_net.py:humaneva27",
        {
            "dataset.name": "humaneva/detectron_pt_coco",
            "dataset.keypoints_skeleton": "humaneva_15",
        },
        "mrcnn",
        note="GAST-Net: detections become the model's 15 joints; the "
        "paper does not name its detector here.",
    ),
)
TABLES = {
    # Rows leave out one part each.
    "table1": Table(
        "GAST-Net, Table 1: ablations",
        f"{HUMAN36M} CPN, T=27.",
        PARTS,
        (
            _part(
                "w/o local connection GCNs",
                "47.6 5.83",
                CPN27,
                {"model.connection_graph": False},
                "no_connection",
            ),
            _part(
                "w/o local symmetry GCNs",
                "47.4 5.86",
                CPN27,
                {"model.symmetric_graph": False},
                "no_symmetry",
            ),
            _part(
                "w/o global GCNs of B_k",
                "52.3 6.92",
                CPN27,
                {"model.attention_matrix": False},
                "no_attention",
                note="w/o B_k: here without its parameters; the printed size "
                "suggests B_k was only set to zero.",
            ),
            _part(
                "w/o global GCNs of C_k",
                "47.3 6.84",
                CPN27,
                {"model.adaptive_matrix": False},
                "no_adaptive",
                note="w/o C_k: dropping it leaves 6.91 M parameters in the released "
                "code too.",
            ),
            _part(
                "w/o train augmentation",
                "47.6 6.92",
                CPN27,
                {"augment_flip": False},
                "no_flip",
            ),
            # The run of the whole model, scored without flip averaging.
            _part(
                "w/o test augmentation",
                "46.7 6.92",
                CPN27,
                evaluation={"flip_average": False},
            ),
            _part(
                "w/ causal convolution", "47.1 6.92", "configs/gast_net.py:cpn27_causal"
            ),
            # The whole model.
            _part("GAST-Net", "46.2 6.92", CPN27),
        ),
    ),
    "table2": Table(
        "GAST-Net, Table 2: Human3.6M, CPN",
        f"{HUMAN36M} * causal.",
        ALL,
        ROWS_2,
    ),
    # Hourglass detections have 16 joints, so models of them are models of their own.
    "table3": Table(
        "GAST-Net, Table 3: ground-truth 2D and stacked hourglass",
        HUMAN36M,
        PROTOCOLS,
        (
            _both("Ground-truth 2D", "Martinez, T=1", "45.5 37.1"),
            _both(
                "Ground-truth 2D",
                "VideoPose3D, T=243",
                "37.2 27.2",
                "configs/videopose3d.py:gt243",
            ),
            _both(
                "Ground-truth 2D",
                "GAST-Net, T=81",
                "32.5 24.5",
                "configs/gast_net.py:gt81",
            ),
            _both(
                "Stacked hourglass, fine-tuned, 16 joints", "Martinez, T=1", "62.9 47.7"
            ),
            _both(
                "Stacked hourglass, fine-tuned, 16 joints",
                "VideoPose3D, T=243",
                "53.4 40.1",
                TCN243,
                {"dataset.name": "human36m/sh_ft_h36m_16", "model.skeleton": "h36m_16"},
                "sh",
            ),
            _both(
                "Stacked hourglass, fine-tuned, 16 joints",
                "GAST-Net, T=81",
                "51.9 40.3",
                "configs/gast_net.py:sh81",
            ),
        ),
    ),
    "table4": Table(
        "GAST-Net, Table 4: HumanEva-I, P-MPJPE",
        "HumanEva-I, one model for all subjects, trained on walking, jogging and "
        "boxing, scored by subject and action, millimetres.",
        EVA,
        ROWS_4,
    ),
    # Training and test keep every n-th of 50 frames; every fifth is the default.
    "table5": Table(
        "GAST-Net, Table 5: frame rates",
        "Human3.6M as in Table 2, CPN, T=9, millimetres; training and test at the same "
        "rate.",
        PROTOCOLS,
        tuple(
            Row(
                f"{50 // stride} frames a second",
                figures(PROTOCOLS, text),
                CPN9,
                {} if stride == 5 else {"dataset.frame_stride": stride},
                "" if stride == 5 else f"{50 // stride}fps",
            )
            for stride, text in (
                (1, "51.4 39.0"),
                (2, "50.6 38.2"),
                (5, "49.0 37.4"),
                (10, "49.3 37.6"),
                (25, "49.3 38.4"),
                (50, "51.5 40.3"),
            )
        ),
    ),
    # Each window's two networks side by side.
    "figure4": Table(
        "GAST-Net, Figure 4: temporal convolutions (TCN) against GAST-Net",
        f"{HUMAN36M} CPN. The paper draws these curves without numbers: the figures "
        "here are those of its Tables 1, 2 and 5. Its text calls the shares 'fewer "
        "parameters'; the sizes show that they are what remains. The TCN is "
        "VideoPose3D, at 50 frames a second as in its own paper; GAST-Net's paper does "
        "not state the rate of the TCN.",
        CURVES,
        (
            _curve("TCN", 9, "- - - -", "configs/videopose3d.py:cpn9"),
            _curve("GAST-Net", 9, "49.0 37.4 - 37.1", CPN9),
            _curve("TCN", 27, "- - - -", "configs/videopose3d.py:cpn27"),
            _curve("GAST-Net", 27, "46.2 36.0 6.92 80.8", CPN27),
            _curve("TCN", 81, "- - - -", "configs/videopose3d.py:cpn81"),
            _curve("GAST-Net", 81, "45.7 35.9 - 55.3", CPN81),
            _curve("TCN", 243, "46.8 36.5 - -", TCN243),
            _curve("GAST-Net", 243, "44.9 35.2 - 41.8", CPN243),
        ),
        over_frames=True,
    ),
}
