"""Holds the poses of one person over time, and what can be done with them.

    pose.smooth(6.0).with_root(fov=55).upright().save("walk.bvh")

Only NumPy and SciPy are needed.
"""

from jaxpose.pose.pose import FrameOfReference, Pose

__all__ = ["FrameOfReference", "Pose"]
