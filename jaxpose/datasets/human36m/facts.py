"""Holds published facts of Human3.6M: subjects, actions, takes, frames (protocol P.3).

The numbers of frames are those of the table in the official `metadata.xml`: the length
of the 3D track of each take, which all cameras share. Video and detections are a few
frames longer, and much longer for a few takes of S9.
"""

from jaxpose.errors import JaxposeError
from jaxpose.wording import shown

# The published split.
TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")
SUBJECTS = TRAIN_SUBJECTS + TEST_SUBJECTS

# Frames over all takes and the four cameras; the test set without the dropped take.
TRAIN_FRAMES = 1_559_752
TEST_FRAMES = 543_344

# In the order of the published tables.
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing",
    "Purchases", "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking",
    "WalkTogether",
)  # fmt: skip

HOW_TO_GET = (
    "Human3.6M needs a licence and a login at http://vision.imar.ro/human3.6m/. Put "
    "into one folder, given as --source=PATH: either "
    "Poses_D3_Positions_S{1,5,6,7,8,9,11}.tgz (for d2_* also "
    "Poses_D2_Positions_S*.tgz), packed or extracted, or data_3d_h36m.npz as made by "
    "VideoPose3D's prepare_data_h36m.py; for detected 2D also "
    "data_2d_h36m_<source>.npz, for example https://dl.fbaipublicfiles.com/"
    "video-pose-3d/data_2d_h36m_cpn_ft_h36m_dbb.npz; for motionbert_*, "
    "h36m_sh_conf_cam_source_final.pkl or h36m_cpn_cam_source.pkl as MotionBERT's "
    "documentation links it."
)

# The video of one camera is corrupt; every published number leaves this take out.
DROPPED_TAKES = frozenset({("S11", "Directions")})

# The 3D track drifts away from the video. VideoPose3D's protocol keeps these takes, cut
# to the length of the 3D track; the protocol of LCN and MotionBERT leaves them out of
# the score.
DRIFTING_TAKES = frozenset(
    {("S9", "Greeting"), ("S9", "SittingDown 1"), ("S9", "Waiting 1")}
)

# Frames of the 3D track by subject and take.
FRAMES: dict[str, dict[str, int]] = {
    "S1": {
        "Directions 1": 1383, "Directions": 1612, "Discussion 1": 3805,
        "Discussion": 3852, "Eating 2": 2357, "Eating": 2721, "Greeting 1": 1265,
        "Greeting": 1149, "Phoning 1": 2636, "Phoning": 2266, "Posing 1": 1167,
        "Posing": 992, "Purchases 1": 1064, "Purchases": 1158, "Sitting 1": 3304,
        "Sitting 2": 2612, "SittingDown 2": 3023, "SittingDown": 2742,
        "Smoking 1": 2611, "Smoking": 2478, "Photo 1": 1074, "Photo": 1036,
        "Waiting 1": 1440, "Waiting": 1792, "Walking 1": 3476, "Walking": 3134,
        "WalkDog 1": 1662, "WalkDog": 1777, "WalkTogether 1": 1275,
        "WalkTogether": 1231,
    },
    "S5": {
        "Directions 1": 4973, "Directions 2": 2067, "Discussion 2": 6090,
        "Discussion 3": 5935, "Eating 1": 3276, "Eating": 2331, "Greeting 1": 1474,
        "Greeting 2": 3199, "Phoning 1": 3277, "Phoning": 2085, "Posing 1": 2245,
        "Posing": 1885, "Purchases 1": 2479, "Purchases": 3124, "Sitting 1": 3937,
        "Sitting": 3878, "SittingDown": 5203, "SittingDown 1": 3926, "Smoking 1": 3201,
        "Smoking": 3421, "Photo": 3325, "Photo 2": 2782, "Waiting 1": 4517,
        "Waiting 2": 4856, "Walking 1": 3000, "Walking": 2521, "WalkDog 1": 1937,
        "WalkDog": 2135, "WalkTogether 1": 3016, "WalkTogether": 2984,
    },
    "S6": {
        "Directions 1": 2843, "Directions": 2819, "Discussion 1": 2720,
        "Discussion": 2415, "Eating 1": 2010, "Eating 2": 2226, "Greeting 1": 1980,
        "Greeting": 1621, "Phoning 1": 2379, "Phoning": 2086, "Posing 2": 1159,
        "Posing": 1161, "Purchases 1": 1332, "Purchases": 1382, "Sitting 1": 1817,
        "Sitting 2": 1998, "SittingDown 1": 1873, "SittingDown": 1594,
        "Smoking 1": 2899, "Smoking": 3173, "Photo": 1672, "Photo 1": 1775,
        "Waiting 3": 2305, "Waiting": 2054, "Walking 1": 2750, "Walking": 3614,
        "WalkDog 1": 1996, "WalkDog": 1594, "WalkTogether 1": 1629,
        "WalkTogether": 1590,
    },
    "S7": {
        "Directions 1": 2549, "Directions": 2949, "Discussion 1": 5415,
        "Discussion": 5470, "Eating 1": 3763, "Eating": 3171, "Greeting 1": 2215,
        "Greeting": 2161, "Phoning 2": 4354, "Phoning": 3586, "Posing 1": 2341,
        "Posing": 2920, "Purchases 1": 1237, "Purchases": 1527, "Sitting 1": 4533,
        "Sitting": 2826, "SittingDown": 4549, "SittingDown 1": 6343, "Smoking 1": 4395,
        "Smoking": 4870, "Photo": 2155, "Photo 1": 1877, "Waiting 1": 4201,
        "Waiting 2": 4332, "Walking 1": 3636, "Walking 2": 3623, "WalkDog 1": 2641,
        "WalkDog": 2732, "WalkTogether 1": 2379, "WalkTogether": 2871,
    },
    "S8": {
        "Directions 1": 2011, "Directions": 2028, "Discussion 1": 1931,
        "Discussion": 2064, "Eating 1": 2807, "Eating": 2694, "Greeting 1": 1598,
        "Greeting": 1447, "Phoning 1": 2970, "Phoning": 3319, "Posing 1": 1812,
        "Posing": 1685, "Purchases 1": 1274, "Purchases": 1193, "Sitting 1": 2073,
        "Sitting": 2140, "SittingDown": 1501, "SittingDown 1": 1554, "Smoking 1": 2932,
        "Smoking": 3333, "Photo 1": 1616, "Photo": 1700, "Waiting 1": 1612,
        "Waiting": 1715, "Walking 1": 3737, "Walking": 3695, "WalkDog 1": 1735,
        "WalkDog": 1644, "WalkTogether 1": 2359, "WalkTogether 2": 2499,
    },
    "S9": {
        "Directions 1": 2356, "Directions": 2699, "Discussion 1": 5873,
        "Discussion 2": 5306, "Eating 1": 2663, "Eating": 2686, "Greeting 1": 2711,
        "Greeting": 1447, "Phoning 1": 3821, "Phoning": 3319, "Posing 1": 1968,
        "Posing": 1964, "Purchases 1": 1226, "Purchases": 1529, "Sitting 1": 3071,
        "Sitting": 2962, "SittingDown": 2932, "SittingDown 1": 1554, "Smoking 1": 4377,
        "Smoking": 4334, "Photo 1": 1449, "Photo": 2346, "Waiting 1": 1612,
        "Waiting": 3312, "Walking 1": 2446, "Walking": 1612, "WalkDog 1": 2217,
        "WalkDog": 2237, "WalkTogether 1": 1685, "WalkTogether": 1703,
    },
    "S11": {
        "Directions 1": 1552, "Discussion 1": 2684, "Discussion 2": 2198,
        "Eating 1": 2275, "Eating": 2203, "Greeting 2": 1695, "Greeting": 1808,
        "Phoning 3": 3390, "Phoning 2": 3492, "Posing 1": 1481, "Posing": 1407,
        "Purchases 1": 1026, "Purchases": 1040, "Sitting 1": 1857, "Sitting": 2179,
        "SittingDown": 1841, "SittingDown 1": 2004, "Smoking 2": 2767, "Smoking": 2410,
        "Photo 1": 1545, "Photo": 1990, "Waiting 1": 2280, "Waiting": 2262,
        "Walking 1": 1637, "Walking": 1621, "WalkDog 1": 1187, "WalkDog": 1435,
        "WalkTogether 1": 1793, "WalkTogether": 1360,
    },
}  # fmt: skip

# Names that only S1 has, and the other subjects' names for the same actions.
_RENAMED = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}


def canonical_take(name: str) -> str:
    """Returns a take's name without the spelling of S1.

    `TakingPhoto 1` becomes `Photo 1`, `WalkingDog` becomes `WalkDog`; other names stay.

    Raises:
      JaxposeError: the first word is not one of the 15 actions.
    """
    action, *trial = name.split(" ")
    action = _RENAMED.get(action, action)
    if action not in ACTIONS:
        raise JaxposeError(
            f"take {shown(name)} is of no known action; a take is named by an action "
            f"({', '.join(ACTIONS)}), then a space and the trial, or no trial"
        )
    return " ".join((action, *trial))


def action_of(take: str) -> str:
    """Returns the action of a canonical take name, `Sitting` for `Sitting 1`."""
    # The whole first word: `Sitting` is not the start of `SittingDown`.
    return take.split(" ")[0]


def published_order(subject: str, takes: list[str]) -> list[str]:
    """Returns `takes` in published order, then the unknown ones by name."""
    known = [take for take in FRAMES[subject] if take in takes]
    unknown = sorted(take for take in takes if take not in FRAMES[subject])
    return known + unknown
