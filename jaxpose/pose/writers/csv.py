"""CSV: one row per frame, for spreadsheets and data frames."""

import csv
import io

from jaxpose.pose.pose import Pose


def encode(pose: Pose) -> bytes:
    """Returns a table with the columns `frame`, `time` and four per joint.

    `hip_x`, `hip_y` and `hip_z` are metres in the frame of reference of the pose,
    `hip_seen` is 1 where the detector saw the joint.
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    header = ["frame", "time"]
    for joint in pose.joints:
        header += [f"{joint}_x", f"{joint}_y", f"{joint}_z", f"{joint}_seen"]
    table.writerow(header)
    for frame in range(len(pose.frames)):
        row = [str(pose.frames[frame]), f"{pose.times[frame]:.6f}"]
        joints = zip(pose.positions_3d[frame], pose.seen[frame], strict=True)
        for position, is_seen in joints:
            row += [f"{number:.6f}" for number in position]
            row.append(str(int(is_seen)))
        table.writerow(row)
    return stream.getvalue().encode()
