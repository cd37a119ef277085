"""Small files in each layout of Human3.6M, with its quirks, from made-up motion.

Quirks: S1 says TakingPhoto and WalkingDog in the official files. Trial suffixes are the
published, irregular ones. The official files hold S11's corrupt "Directions", the npz
files do not. Detected 2D is longer than 3D, by different amounts per camera, and about
twice as long for three takes of S9; it holds an unlabelled subject. Takes have 8 to 14
frames instead of thousands.
"""

from tests.fabricate_human36m.motionbert import fabricate_motionbert
from tests.fabricate_human36m.npz import fabricate_npz
from tests.fabricate_human36m.official import (
    fabricate_archives,
    fabricate_extracted,
    write_cdf,
    write_metadata,
)
from tests.fabricate_human36m.world import motion, num_frames

__all__ = [
    "fabricate_archives",
    "fabricate_extracted",
    "fabricate_motionbert",
    "fabricate_npz",
    "motion",
    "num_frames",
    "write_cdf",
    "write_metadata",
]
