"""Holds published facts of HumanEva-I: cameras, actions, and the frames of each split.

The numbers are those of VideoPose3D (`humaneva_dataset.py`,
`prepare_data_humaneva.py`); they are also in protocol P.4.
"""

from jaxpose.datasets.camera import Camera

HOW_TO_GET = (
    "Get HumanEva-I (release 1.1 beta with the critical OFS update) at "
    "http://humaneva.is.tue.mpg.de/ under its licence and convert it with "
    "VideoPose3D's ConvertHumanEva.m. Give the folder that holds converted_15j (or "
    "converted_20j), or the data_3d_humaneva15.npz and data_2d_humaneva15_*.npz made "
    "from it, as --source."
)

FPS = 60.0
IMAGE_SIZE = (640, 480)  # width, height
CAMERA_NAMES = ("C1", "C2", "C3")  # the colour cameras
ACTIONS = ("Walking", "Jog", "ThrowCatch", "Gestures", "Box")
SCORED_ACTIONS = ("Walking", "Jog", "Box")

# Its motion capture is damaged; the conversion to .mat skips it as well.
SKIPPED = ("S3", "ThrowCatch")

# Motion capture frames [start, end) of each action, in the order of `ACTIONS`.
FRAMES = {
    "Train/S1": ((590, 1203), (367, 740), (473, 945), (395, 801), (385, 789)),
    "Train/S2": ((438, 876), (398, 795), (550, 1128), (500, 901), (382, 734)),
    "Train/S3": ((448, 939), (401, 842), (493, 1027), (533, 1102), (512, 1021)),
    "Validate/S1": ((5, 590), (5, 367), (5, 473), (5, 395), (5, 385)),
    "Validate/S2": ((5, 438), (5, 398), (5, 550), (5, 500), (5, 382)),
    "Validate/S3": ((5, 448), (5, 401), (5, 493), (5, 533), (5, 512)),
}
SUBJECTS = tuple(FRAMES)

# By person and camera: quaternion (w, x, y, z) camera to world, and centre in
# millimetres. No intrinsics are published with them.
_EXTRINSICS = {
    ("S1", "C1"): (
        (0.424207, -0.4983646, -0.5802981, 0.4847012),
        (4062.227, 663.2477, 1528.397),
    ),
    ("S1", "C2"): (
        (0.6503354, -0.7481602, -0.0919284, 0.0941766),
        (844.8131, -3805.2092, 1504.9929),
    ),
    ("S1", "C3"): (
        (0.0664734, -0.0690535, 0.7416416, -0.6639132),
        (-797.67377, 3916.3174, 1433.6602),
    ),
    ("S2", "C1"): (
        (0.4214752, -0.4961493, -0.5838273, 0.4851187),
        (4112.9121, 626.4929, 1545.2988),
    ),
    ("S2", "C2"): (
        (0.6501393, -0.7476588, -0.0954617, 0.0959808),
        (923.574, -3877.9243, 1504.5518),
    ),
    ("S2", "C3"): (
        (0.0699353, -0.0712403, 0.7421637, -0.662742),
        (-781.4915, 3838.8853, 1444.9929),
    ),
    ("S3", "C1"): (
        (0.424207, -0.4983646, -0.5802981, 0.4847012),
        (4062.2271, 663.2477, 1528.397),
    ),
    ("S3", "C2"): (
        (0.6503354, -0.7481602, -0.0919284, 0.0941766),
        (844.8131, -3805.2092, 1504.9929),
    ),
    ("S3", "C3"): (
        (0.0664734, -0.0690535, 0.7416416, -0.6639132),
        (-797.6738, 3916.3174, 1433.6602),
    ),
}


def num_frames(subject: str, action: str) -> int:
    """Returns the number of frames of an action of a subject, such as `Train/S1`."""
    start, end = FRAMES[subject][ACTIONS.index(action)]
    return end - start


def cameras_of(subject: str) -> tuple[Camera, ...]:
    """Returns the three colour cameras around a subject, such as `Train/S1`."""
    # A person was recorded in one session, for both splits.
    person = subject.partition("/")[2]
    cameras = []
    for name in CAMERA_NAMES:
        orientation, (x, y, z) = _EXTRINSICS[person, name]
        camera = Camera(
            name=name,
            image_size=IMAGE_SIZE,
            orientation=orientation,
            translation=(x / 1000, y / 1000, z / 1000),
        )
        cameras.append(camera)
    return tuple(cameras)
