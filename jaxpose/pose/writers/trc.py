"""TRC: markers over time, as OpenSim and Pose2Sim read them."""

from jaxpose.pose.pose import Pose
from jaxpose.pose.writers.axes import y_up
from jaxpose.wording import printable


def encode(pose: Pose) -> bytes:
    """Returns a TRC file: metres, y up, one marker per joint.

    Frame numbers and times are those of the source.
    """
    rate, frames, joints = f"{pose.rate:g}", len(pose.frames), len(pose.joints)
    names, axes = ["Frame#", "Time"], ["", ""]
    for number, joint in enumerate(pose.joints, start=1):
        names += [joint, "", ""]
        axes += [f"X{number}", f"Y{number}", f"Z{number}"]
    values = {
        "DataRate": rate,
        "CameraRate": rate,
        "NumFrames": str(frames),
        "NumMarkers": str(joints),
        "Units": "m",
        "OrigDataRate": rate,
        "OrigDataStartFrame": str(pose.frames[0]),
        "OrigNumFrames": str(frames),
    }
    rows = [
        ["PathFileType", "4", "(X/Y/Z)", f"{printable(pose.name)}.trc"],
        list(values),
        list(values.values()),
        names,
        axes,
    ]
    positions = y_up(pose).reshape(frames, -1)
    for frame, time, numbers in zip(pose.frames, pose.times, positions, strict=True):
        row = [str(frame), f"{time:.6f}"]
        row += [f"{number:.6f}" for number in numbers]
        rows.append(row)
    return "".join("\t".join(row) + "\n" for row in rows).encode()
