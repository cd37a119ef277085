"""Checks what a recording in this project's own format states beside its arrays."""

from typing import Any

import numpy as np

from jaxpose.datasets.camera import checked_intrinsics
from jaxpose.errors import JaxposeError
from jaxpose.recordings.formats.base import about_video
from jaxpose.recordings.settings import (
    KEYS,
    check_fps,
    check_image_size,
    plain_value,
)
from jaxpose.wording import shown


def stated(mapping: dict[str, Any], where: str) -> dict[str, Any]:
    """Returns the fields of `Detections` that a mapping states, checked.

    Args:
      mapping: keys of `KEYS`, and others. A null is as good as an absent key.
      where: the file, for messages.

    Raises:
      JaxposeError: a value is not as documented.
    """
    # Sizes and rates under other names count where they have no own ones.
    fields: dict[str, Any] = {"names": {}}
    for key, other in about_video(mapping).items():
        if other is not None:
            fields[key] = other
    for key in KEYS:
        value = plain_value(mapping.get(key))
        if value is None:
            continue
        if key == "image_size":
            fields[key] = check_image_size(value, where)
        elif key == "fps":
            fields[key] = check_fps(value, where)
        elif key == "intrinsics":
            fields[key] = checked_intrinsics(value, f"{where}: intrinsics")
        elif not isinstance(value, str) or not value:
            # `keypoints` is the array itself in files of others.
            if key == "keypoints" and isinstance(value, list | np.ndarray):
                continue
            raise JaxposeError(f"{where}: {key} is {shown(value)}; expected a name")
        elif key == "keypoints":
            fields["layout"] = value
        elif key == "skeleton":
            fields["skeleton"] = value
        else:
            fields["names"][key] = value
    return fields
