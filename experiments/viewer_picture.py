"""Takes the picture of the viewer that the README shows.

    python -m experiments.viewer_picture [--data_dir=DIR] [--out=FILE]

Two dancers of the CMU motion capture database, as `jaxpose.prepare cmu_mocap` writes
them, stand in for people that were lifted. It needs Chromium.
"""

import argparse
import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image

from experiments.browser import Page
from jaxpose.data.clips import Clip, Clips
from jaxpose.datasets.camera import Camera
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.pose import FrameOfReference, Pose
from jaxpose.pose.viewer import write_html

DATASET = "cmu_mocap/gt"
# Take, first frame, and metres to the right.
DANCERS = (("05_06", 60, -0.75), ("05_08", 30, 0.75))
NUM_FRAMES = 240
SHOWN_FRAME = 96
IMAGE_SIZE = (1280, 960)
FOCAL_LENGTH = 1250.0
# Pixels of the page, and how many of the picture make one of them.
WIDTH, HEIGHT, DENSITY = 1200, 720, 2
COLOURS = 256


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir", help="folder of the prepared data")
    parser.add_argument("--out", type=pathlib.Path, default="docs/pictures/viewer.png")
    arguments = parser.parse_args()
    clips = load_clips(DATASET, arguments.data_dir)
    poses = []
    for person, (take, first, shift) in enumerate(DANCERS, start=1):
        clip = next(clip for clip in clips.index if clip.take == take)
        poses.append(_dancer(clips, clip, first, shift, person))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    take_picture(poses, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


def _dancer(clips: Clips, clip: Clip, first: int, shift: float, person: int) -> Pose:
    """Returns a part of a clip, moved to the side, with keypoints of another lens."""
    frames = slice(clip.start + first, clip.start + first + NUM_FRAMES)
    positions_3d = clips.positions_3d[frames].astype(np.float64)
    positions_3d[..., 0] += shift
    depth = positions_3d[..., 2:]
    centre = np.array(IMAGE_SIZE) / 2
    return Pose(
        name="dance.mp4",
        positions_3d=positions_3d - positions_3d[:, :1],
        seen=np.ones(positions_3d.shape[:2], bool),
        frames=np.arange(len(positions_3d)),
        times=np.arange(len(positions_3d)) / clip.fps,
        keypoints_2d=FOCAL_LENGTH * positions_3d[..., :2] / depth + centre,
        camera=Camera(clip.camera, IMAGE_SIZE),
        frame_of_reference=FrameOfReference.CAMERA_FROM_HIP,
        skeleton=clips.skeleton,
        person=person,
    )


def take_picture(poses: list[Pose], path: pathlib.Path) -> None:
    """Writes a picture of the page with few colours, which makes it small."""
    with tempfile.TemporaryDirectory() as folder:
        html, full = pathlib.Path(folder, "page.html"), pathlib.Path(folder, "full.png")
        write_html(poses, html)
        with Page(html, WIDTH, HEIGHT, DENSITY) as page:
            page.wait_for("player !== null")
            page.evaluate(f"player.go({SHOWN_FRAME})")
            page.settle()
            full.write_bytes(page.screenshot())
        picture = Image.open(full).convert("RGB")
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    try:
        main()
    except (JaxposeError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
