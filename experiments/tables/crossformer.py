"""CrossFormer: Tables 1 to 5 of the paper."""

from typing import Any

from experiments.table import (
    MPI_INF_3DHP,
    MPI_INF_3DHP_COLUMNS,
    PARAMETERS,
    Column,
    Row,
    Table,
    action_columns,
    printed_row,
)

# PoseFormer is the baseline that CrossFormer starts from; both take CPN detections.
CPN9, CPN27, CPN81 = (f"configs/crossformer.py:cpn{frames}" for frames in (9, 27, 81))
BASE9, BASE27, BASE81 = (f"configs/poseformer.py:cpn{frames}" for frames in (9, 27, 81))
TCN243 = "configs/videopose3d.py:cpn243"
HUMAN36M = (
    "Human3.6M, training subjects S1 S5 S6 S7 S8, tested on S9 and S11, flip "
    "averaging, millimetres."
)
ALL = action_columns()
# Columns of Table 4, whose speed depends on the device.
COST = (
    PARAMETERS,
    # What the paper prints of PoseFormer and of itself is 5/3 of these products.
    Column("FLOPs (M)", "macs_published", scale=5 / 3 * 1e-6, digits=0),
    Column("MPJPE"),
    Column("FPS", "frames_per_second", digits=0),
)
# Table 5 prints two decimals.
PARTS = (Column("MPJPE", digits=2),)


def _rows(section: str, metric: str, *rows: tuple[Any, ...]) -> tuple[Row, ...]:
    """Returns rows of (label, figures, config or nothing)."""
    return tuple(
        printed_row(ALL, label, text, *config, metric=metric, section=section)
        for label, text, *config in rows
    )


def _mpi(label: str, text: str, *config: Any) -> Row:
    """Returns a row of Table 3: PCK, AUC and MPJPE."""
    return printed_row(MPI_INF_3DHP_COLUMNS, label, text, *config)


def _cost(label: str, text: str, *config: Any, note: str = "") -> Row:
    """Returns a row of Table 4: parameters, operations, MPJPE and frames per second."""
    return printed_row(COST, label, text, *config, note=note)


def _parts(error: float, cji: int, cfi: int, spatial: int, temporal: int) -> Row:
    """Returns a row of Table 5; a part that is off is left out or fixed to 0."""
    # Per field: whether the part is on, and the value that switches it off.
    switched_off = {
        "model.cross_joint": (cji, False),
        "model.cross_frame": (cfi, "none"),
        "model.spatial_positions": (spatial, False),
        "model.temporal_positions": (temporal, False),
    }
    names = dict(zip(switched_off, ("CJI", "CFI", "E_s", "E_t"), strict=True))
    present = [names[field] for field, (on, _) in switched_off.items() if on]
    off = {field: value for field, (on, value) in switched_off.items() if not on}
    return Row(
        " + ".join(present),
        {"MPJPE": error},
        CPN9,
        off,
        "_".join(["without", *(names[field].lower() for field in off)]) if off else "",
    )


# fmt: off
# Table 1: MPJPE and P-MPJPE with CPN, in the order of `ALL`; f is the window's length.
ROWS_1 = (
*_rows(
    "Protocol 1", "mpjpe",
    ("Dabral et al. [9]",
     "44.8 50.4 44.7 49.0 52.9 61.4 43.5 45.5 63.1 87.3 51.7 48.5 52.2 37.6 41.9 52.1"),
    ("Cai et al. [4], f=7",
     "44.6 47.4 45.6 48.8 50.8 59.0 47.2 43.9 57.9 61.9 49.7 46.6 51.3 37.1 39.4 48.8"),
    ("VideoPose3D [37], f=243",
     "45.2 46.7 43.3 45.6 48.1 55.1 44.6 44.3 57.3 65.8 47.1 44.0 49.0 32.8 33.9 46.8",
     TCN243),
    ("Lin et al. [26], f=50",
     "42.5 44.8 42.6 44.2 48.5 57.1 52.6 61.4 56.5 64.5 47.4 43.0 48.1 33.0 35.1 46.6"),
    ("Yeh et al. [46]",
     "44.8 46.1 43.3 46.4 49.0 55.2 44.6 44.0 58.3 62.7 47.1 43.9 48.6 32.7 33.3 46.7"),
    ("Liu et al. [29], f=243",
     "41.8 44.8 41.1 44.9 47.4 54.1 43.4 42.2 56.2 63.6 45.3 43.5 45.3 31.3 32.2 45.1"),
    ("SRNet [49]",
     "46.6 47.1 43.9 41.6 45.8 49.6 46.5 40.0 53.4 61.1 46.1 42.6 43.1 31.5 32.6 44.8"),
    ("UGCNet [42], f=96",
     "41.3 43.9 44.0 42.2 48.0 57.1 42.2 43.2 57.3 61.3 47.0 43.5 47.0 32.6 31.8 45.6"),
    ("METRO [27], f=1", "- - - - - - - - - - - - - - - 54.0"),
    ("PoseFormer [51], f=81, no pre-training",
     "43.0 46.5 41.4 44.1 48.1 53.2 43.7 43.6 54.9 62.3 47.1 44.9 47.7 32.8 33.5 45.7",
     BASE81),
    ("Chen et al. [6], f=81",
     "42.1 43.8 41.0 43.8 46.1 53.5 42.4 43.1 53.9 60.5 45.7 42.1 46.2 32.2 33.8 44.6"),
    ("PoseFormer [51], f=81, pre-trained",
     "41.5 44.8 39.8 42.5 46.5 51.6 42.1 42.0 53.3 60.7 45.5 43.3 46.1 31.8 32.2 44.3"),
    ("CrossFormer, f=81",
     "40.7 44.1 40.8 41.5 45.8 52.8 41.2 40.8 55.3 61.9 44.9 41.8 44.6 29.2 31.1 43.7",
     CPN81),
),
*_rows(
    "Protocol 2", "p_mpjpe",
    ("Pavlakos et al. [36]",
     "34.7 39.8 41.8 38.6 42.5 47.5 38.0 36.6 50.7 56.8 42.6 39.6 43.9 32.1 36.5 41.8"),
    ("Hossain et al. [1]",
     "35.7 39.3 44.6 43.0 47.2 54.0 38.3 37.5 51.6 61.3 46.5 41.4 47.3 34.2 39.4 44.1"),
    ("Cai et al. [4], f=7",
     "35.7 37.8 36.9 40.7 39.6 45.2 37.4 34.5 46.9 50.1 40.5 36.1 41.0 29.6 32.3 39.0"),
    ("Lin et al. [26], f=50",
     "32.5 35.3 34.3 36.2 37.8 43.0 33.0 32.2 45.7 51.8 38.4 32.8 37.5 25.8 28.9 36.8"),
    ("VideoPose3D [37], f=243",
     "34.1 36.1 34.4 37.2 36.4 42.2 34.4 33.6 45.0 52.5 37.4 33.8 37.8 25.6 27.3 36.5",
     TCN243),
    ("Liu et al. [29], f=243",
     "32.3 35.2 33.3 35.8 35.9 41.5 33.2 32.7 44.6 50.9 37.0 32.4 37.0 25.2 27.2 35.6"),
    ("UGCNet [42], f=96",
     "32.9 35.2 35.6 34.4 36.4 42.7 31.2 32.5 45.6 50.2 37.3 32.8 36.3 26.0 23.9 35.5"),
    ("Chen et al. [6], f=81",
     "33.1 35.3 33.4 35.9 36.1 41.7 32.8 33.3 42.6 49.4 37.0 32.7 36.5 25.5 27.9 35.6"),
    ("PoseFormer [51], f=81, no pre-training",
     "33.5 35.6 33.5 35.6 36.1 40.4 32.8 32.5 43.5 49.3 35.4 33.2 36.3 25.3 26.6 35.3",
     BASE81),
    ("PoseFormer [51], f=81, pre-trained",
     "32.5 34.8 32.6 34.6 35.3 39.5 32.1 32.0 42.8 48.5 34.8 32.4 35.3 24.5 26.0 34.6"),
    ("CrossFormer, f=81",
     "31.4 34.6 32.6 33.7 34.3 39.7 31.6 31.0 44.3 49.3 35.9 31.3 34.4 23.4 25.5 34.3",
     CPN81),
),
)
# Table 2: MPJPE with ground-truth 2D.
ROWS_2 = _rows(
    "", "mpjpe",
    ("Martinez et al. [30]",
     "37.7 44.4 40.3 42.1 48.2 54.9 44.4 42.1 54.6 58.0 45.1 46.4 47.6 36.4 40.4 45.5"),
    ("Lee et al. [22]",
     "32.1 36.6 34.3 37.8 44.5 49.9 40.9 36.2 44.1 45.6 35.3 35.9 30.3 37.6 35.5 38.4"),
    ("VideoPose3D [37], f=243",
     "35.2 40.2 32.7 35.7 38.2 45.5 40.6 36.1 48.8 47.3 37.8 39.7 38.7 27.8 29.5 37.8",
     "configs/videopose3d.py:gt243"),
    ("Cai et al. [4], f=243",
     "32.9 38.7 32.9 37.0 37.3 44.8 38.7 36.1 41.0 45.6 36.8 37.7 37.7 29.5 31.6 37.2"),
    ("Xu et al. [45]",
     "35.8 38.1 31.0 35.3 35.8 43.2 37.3 31.7 38.4 45.5 35.4 36.7 36.8 27.9 30.7 35.8"),
    ("Liu et al. [29], f=243",
     "34.5 37.1 33.6 34.2 32.9 37.1 39.6 35.8 40.7 41.4 33.0 33.8 33.0 26.6 26.9 34.7"),
    ("Chen et al. [6], f=243", "- - - - - - - - - - - - - - - 32.3"),
    ("SRNet [49]",
     "34.8 32.1 28.5 30.7 31.4 36.9 35.6 30.5 38.9 40.5 32.5 31.0 29.9 22.5 24.5 32.0"),
    ("PoseFormer [51], f=81",
     "30.0 33.6 29.9 31.0 30.2 33.3 34.8 31.4 37.8 38.6 31.7 31.5 29.0 23.3 23.1 31.3",
     "configs/poseformer.py:gt81"),
    ("CrossFormer, f=81",
     "26.0 30.0 26.8 26.2 28.0 31.0 30.4 29.6 35.4 37.1 28.4 27.3 26.7 20.5 19.9 28.3",
     "configs/crossformer.py:gt81"),
)
# fmt: on

TABLES = {
    "table1": Table(
        "CrossFormer, Table 1: Human3.6M, CPN",
        HUMAN36M,
        ALL,
        ROWS_1,
    ),
    "table2": Table(
        "CrossFormer, Table 2: Human3.6M, ground-truth 2D, MPJPE",
        HUMAN36M,
        ALL,
        ROWS_2,
    ),
    "table3": Table(
        "CrossFormer, Table 3: MPI-INF-3DHP",
        "Ground-truth 2D, universal skeleton, official protocol (14 joints count "
        "towards PCK and AUC), valid frames pooled, MPJPE in millimetres. Training "
        "subjects S1 to S8.",
        MPI_INF_3DHP_COLUMNS,
        (
            _mpi("Mehta et al. [32]", "75.7 39.3 117.6"),
            _mpi("Mehta et al. [33]", "76.6 40.4 124.7"),
            # VideoPose3D's file has no variant of this data: its row has the fields.
            _mpi(
                "VideoPose3D [37], f=81",
                "86.0 51.9 84.0",
                "configs/videopose3d.py:cpn81",
                MPI_INF_3DHP,
                "mpi_inf_3dhp",
            ),
            _mpi("Lin et al. [26], f=25", "83.6 51.4 79.8"),
            _mpi("Li et al. [23]", "81.2 46.1 99.7"),
            _mpi("Chen et al. [6]", "87.9 54.0 78.8"),
            _mpi(
                "PoseFormer [51], f=9", "88.6 56.4 77.1", "configs/poseformer.py:mpi9"
            ),
            _mpi("CrossFormer, f=9", "89.1 57.5 76.3", "configs/crossformer.py:mpi9"),
        ),
    ),
    "table4": Table(
        "CrossFormer, Table 4: size, cost and speed, Human3.6M, CPN",
        f"{HUMAN36M} FLOPs here are 5/3 of the multiply-accumulates of linear maps and "
        "convolutions, as the printed ones of PoseFormer and CrossFormer are. FPS "
        "here: one window at a time on the device of the run; the paper names "
        "neither batch nor what it includes.",
        COST,
        (
            _cost("Hossain and Little [17]", "16.95 33.88 58.3 -"),
            _cost("Chen et al. [6], f=27", "31.88 61.7 45.3 410"),
            _cost("Chen et al. [6], f=81", "45.53 88.9 44.6 315"),
            _cost("Chen et al. [6], f=243", "59.18 116 44.1 264"),
            # PoseFormer and CrossFormer are trained here, at three lengths each.
            _cost("PoseFormer [51], f=9", "9.58 150 49.9 320", BASE9),
            _cost("PoseFormer [51], f=27", "9.59 452 47.0 297", BASE27),
            _cost(
                "PoseFormer [51], f=81",
                "9.60 1358 44.3 269",
                BASE81,
                note="PoseFormer, f=81: the paper's 44.3 is with pre-training on "
                "other data, 45.7 without.",
            ),
            _cost("CrossFormer, f=9", "9.93 163 48.5 284", CPN9),
            _cost("CrossFormer, f=27", "9.93 515 46.5 266", CPN27),
            _cost(
                "CrossFormer, f=81",
                "9.93 1739 43.8 241",
                CPN81,
                note="CrossFormer: 9.93 M parameters, printed for every f, are those "
                "of f=81; Table 1 has 43.7.",
            ),
        ),
    ),
    "table5": Table(
        "CrossFormer, Table 5: cross-joint (CJI) and cross-frame (CFI) interaction, "
        "position tables",
        f"{HUMAN36M} CPN, f=9. E_s, E_t: spatial and temporal positions.",
        PARTS,
        (
            # Columns: MPJPE, then CJI, CFI, E_s and E_t, 1 where the part is present.
            _parts(49.90, 0, 0, 1, 1),
            _parts(49.30, 1, 0, 0, 0),
            _parts(49.30, 1, 0, 1, 0),
            _parts(49.30, 1, 0, 1, 1),
            _parts(48.50, 1, 1, 0, 1),
            _parts(49.83, 0, 1, 0, 0),
            _parts(49.80, 0, 1, 0, 1),
            _parts(49.80, 0, 1, 1, 1),
            _parts(48.50, 1, 1, 1, 1),
        ),
    ),
}
