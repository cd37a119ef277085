"""Reads VideoPose3D's npz files of 2D keypoints.

VideoPose3D at 1afb1ca (data/prepare_data_2d_custom.py, DATASETS.md): `positions_2d`
{subject: {action: [per camera [F, J, 2]]}}, pixels, and `metadata` {"layout_name",
"num_joints", "keypoints_symmetry", "video_metadata": {video: {"w", "h"}}}. In a custom
file a video is the subject, and its action is called custom. Frames without people were
filled in by the tool that wrote it.
"""

from typing import Any

import numpy as np

from jaxpose.body.skeletons import SKELETONS
from jaxpose.datasets.arrays import require_array
from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import detections_of_array
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat
from jaxpose.wording import shown

_LAYOUTS = {"coco": "coco_17", "h36m": "h36m_17"}


def _recognises(content: Content) -> bool:
    """Returns whether a content has videos by subject and action."""
    is_npz = content.kind == "arrays"
    return is_npz and isinstance(content.value.get("positions_2d"), dict)


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a file.

    Raises:
      JaxposeError: the file is not as VideoPose3D writes it.
    """
    metadata = content.value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    found = []
    for subject, actions in content.value["positions_2d"].items():
        where = f"{content.where}: positions_2d[{shown(subject)}]"
        if not isinstance(actions, dict):
            raise JaxposeError(
                f"{where}: expected a dict of actions, found {shown(actions)}"
            )
        for action, views in actions.items():
            where_views = f"{where}[{shown(action)}]"
            for camera, view in enumerate(_views(views, where_views)):
                names = _names(str(subject), str(action), camera)
                place = f"{where_views}[{camera}]"
                found.append(_detections(view, names, metadata, content, place))
    return found


def _views(views: Any, where: str) -> list[Any]:
    """Returns the arrays of all cameras."""
    if isinstance(views, np.ndarray) and views.ndim == 3 and views.dtype != object:
        return [views]
    if not isinstance(views, list | tuple | np.ndarray) or len(views) == 0:
        raise JaxposeError(
            f"{where}: expected an array per camera, found {shown(views)}"
        )
    return list(views)


def _names(subject: str, action: str, camera: int) -> dict[str, str]:
    """Returns the names of a recording; a custom file only names the video."""
    if action == "custom" and camera == 0:
        return {"take": subject}
    return {
        "subject": subject,
        "action": action,
        "take": f"{subject} {action}",
        "camera": str(camera),
    }


def _detections(
    view: Any,
    names: dict[str, str],
    metadata: dict[str, Any],
    content: Content,
    where: str,
) -> Detections:
    """Returns the detections of one camera.

    Raises:
      JaxposeError: the array is none of keypoints.
    """
    array = require_array(view, where, (None, None, None), finite=False)
    if array.shape[2] not in (2, 3):
        raise JaxposeError(
            f"{where}: expected an array [F, J, 2 or 3], found {list(array.shape)}"
        )
    return detections_of_array(
        array,
        " ".join(names[key] for key in ("take", "camera") if key in names),
        content.where,
        "videopose3d",
        layout=_layout(metadata, array.shape[1]),
        image_size=_size(metadata, names),
        names={} if len(names) == 1 else names,
    )


def _layout(metadata: dict[str, Any], joints: int) -> str | None:
    """Returns the joint order that the metadata states, or None.

    The symmetry, two lists of joints, tells joint orders of equal size apart.
    """
    named = _LAYOUTS.get(str(metadata.get("layout_name")))
    if named is not None and SKELETONS[named].num_joints == joints:
        return named
    try:
        sides = [sorted(map(int, side)) for side in metadata["keypoints_symmetry"]]
    except (KeyError, TypeError, ValueError):
        return None
    for name in _LAYOUTS.values():
        skeleton = SKELETONS[name]
        is_same = sides == [sorted(skeleton.left), sorted(skeleton.right)]
        if is_same and skeleton.num_joints == joints:
            return name
    return None


def _size(metadata: dict[str, Any], names: dict[str, str]) -> tuple[int, int] | None:
    """Returns the image size of a custom video, or None."""
    videos = metadata.get("video_metadata")
    video = videos.get(names["take"]) if isinstance(videos, dict) else None
    if not isinstance(video, dict) or not {"w", "h"} <= set(video):
        return None
    return int(video["w"]), int(video["h"])


VIDEO = VideoFormat("videopose3d", _recognises, _read)
