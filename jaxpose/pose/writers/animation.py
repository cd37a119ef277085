"""Moving pictures of a pose: the keypoints, the body, and a turn around it.

They are drawn by matplotlib, which is imported when the first one is.
"""

import io
import pathlib
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import Pose
from jaxpose.pose.writers.axes import UP, in_the_middle

if TYPE_CHECKING:
    from PIL.Image import Image

# Pictures per second, at most; a GIF shows as many seconds as keep it small.
_GIF_RATE, _GIF_SECONDS = 12.5, 6.0
_MP4_RATE = 25.0


def encode_gif(pose: Pose) -> bytes:
    """Returns a GIF of the seconds in which the joints move most."""
    from jaxpose.scoring.pictures import write_gif

    frames = _liveliest(pose, max(1, round(_GIF_SECONDS * pose.rate)))
    step = _step(pose, _GIF_RATE)
    images = _draw(pose, frames[::step])
    content = io.BytesIO()
    write_gif(images, content, pose.rate / step)
    return content.getvalue()


def encode_mp4(pose: Pose) -> bytes:
    """Returns an MP4 (H.264) of all frames, or of every n-th one above 25 per second.

    Raises:
      JaxposeError: `av` is not installed.
    """
    try:
        import av
    except ImportError:
        raise JaxposeError(
            "MP4 files need av, which is not installed: pip install 'jaxpose[video]'"
        ) from None
    step = _step(pose, _MP4_RATE)
    images = _draw(pose, np.arange(0, len(pose.frames), step))
    # H.264 stores colours for blocks of 2 x 2 pixels.
    width, height = (size - size % 2 for size in images[0].size)
    # The library finds the format by the ending of a path.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pose.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=round(pose.rate / step))
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for image in images:
                picture = np.asarray(image)[:height, :width]
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


def _step(pose: Pose, rate: float) -> int:
    """Returns n, where every n-th frame makes about `rate` pictures per second."""
    return max(1, round(pose.rate / rate))


def _liveliest(pose: Pose, length: int) -> np.ndarray:
    """Returns the numbers of the `length` consecutive frames with most motion."""
    count = len(pose.frames)
    if count <= length:
        return np.arange(count)
    moves = np.abs(np.diff(pose.positions_3d, axis=0)).sum(axis=(1, 2))
    before = np.concatenate([[0.0], np.cumsum(moves)])
    motion = before[length - 1 :] - before[: count - length + 1]
    return int(motion.argmax()) + np.arange(length)


def _draw(pose: Pose, frames: np.ndarray) -> list["Image"]:
    """Returns a picture per frame number."""
    from jaxpose.scoring.pictures import draw_motion

    poses = in_the_middle(pose)[frames]
    width, height = pose.camera.image_size
    keypoints = (2 * pose.keypoints_2d[frames] - [width, height]) / width
    captions = []
    for time in pose.times[frames]:
        captions.append(f"{pose.name}   {time:.2f} s")
    return draw_motion(keypoints, pose.body, poses, None, pose.body, UP, captions)
