"""What a user states about recordings, in place of what their files say."""

import dataclasses
import json
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.layouts import MIN_CONFIDENCE
from jaxpose.recordings.settings import check_fps, check_image_size


@dataclasses.dataclass(frozen=True)
class Options:
    """Statements that come before the files' own.

    Attributes:
      layout: joint order of the keypoints.
      image_size: (width, height) in pixels.
      fps: frames per second of the video.
      min_confidence: joints of a lower confidence count as not seen.
      person: number of the only person to read, from 1 for the most present one.
      estimate_missing: whether joints that are never seen are estimated, and masked.
      force: whether implausible recordings are read as well.
      skeleton: joints of the model; a recording must show each of them somewhere.
    """

    layout: str | None = None
    image_size: tuple[int, int] | None = None
    fps: float | None = None
    min_confidence: float = MIN_CONFIDENCE
    person: int | None = None
    estimate_missing: bool = False
    force: bool = False
    skeleton: str = "h36m_17"

    def to_json(self) -> dict[str, Any]:
        """Returns the options as JSON reads them back."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def check(self) -> None:
        """Raises JaxposeError for a value without a meaning."""
        if self.image_size is not None:
            check_image_size(self.image_size, "--image_size")
        if self.fps is not None:
            check_fps(self.fps, "--fps")
        if not 0 <= self.min_confidence <= 1:
            raise JaxposeError(
                f"--min_confidence={self.min_confidence:g}: expected a number from 0 "
                "to 1"
            )
        if self.person is not None and self.person < 1:
            raise JaxposeError(
                f"--person={self.person}: people are counted from 1, the most present "
                "one first"
            )
