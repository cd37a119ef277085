"""Holds published facts of MPI-INF-3DHP (protocol P.5, and the data set's README)."""

TRAIN_IMAGE_SIZE = (2048, 2048)
# Eight of the 14 cameras: the ones that VNect chose and everybody trains on.
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)

# By subject and take: number of usable frames, the first ones of the file, and frames
# per second.
TRAIN = {
    "S1": {"Seq1": (6416, 25), "Seq2": (12430, 50)},
    "S2": {"Seq1": (6502, 25), "Seq2": (6081, 25)},
    "S3": {"Seq1": (12488, 50), "Seq2": (12283, 50)},
    "S4": {"Seq1": (6171, 25), "Seq2": (6675, 25)},
    "S5": {"Seq1": (12820, 50), "Seq2": (12312, 50)},
    "S6": {"Seq1": (6188, 25), "Seq2": (6145, 25)},
    "S7": {"Seq1": (6239, 25), "Seq2": (6320, 25)},
    "S8": {"Seq1": (6468, 25), "Seq2": (6054, 25)},
}

# By test sequence: number of frames, number of valid frames.
TEST = {
    "TS1": (6151, 603),
    "TS2": (6080, 540),
    "TS3": (5838, 505),
    "TS4": (6007, 553),
    "TS5": (320, 276),
    "TS6": (492, 452),
}
# By test sequence: studio with green screen, studio without, outdoors.
SCENES = {
    "TS1": "GS",
    "TS2": "GS",
    "TS3": "noGS",
    "TS4": "noGS",
    "TS5": "Outdoor",
    "TS6": "Outdoor",
}
# The joints of the data set's own order that PCK and AUC count: all but the root (14),
# the spine (15) and the middle of the head (16).
PCK_JOINTS = tuple(range(14))
# Numbered from 1 in the files, where they change from frame to frame.
ACTIVITIES = {
    1: "Standing/Walking",
    2: "Exercising",
    3: "Sitting",
    4: "Reaching/Crouching",
    5: "On The Floor",
    6: "Sports",
    7: "Miscellaneous",
}
# Assumed: the files do not state it, and no score of the protocol depends on it.
TEST_FPS = 25.0


def image_size(sequence: str) -> tuple[int, int]:
    """Returns (width, height) in pixels of a test sequence, `TS1` to `TS6`."""
    # The outdoor sequences were recorded with another camera.
    return (1920, 1080) if SCENES[sequence] == "Outdoor" else (2048, 2048)
