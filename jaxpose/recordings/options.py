"""What a user states about recordings, in place of what their files say."""

import dataclasses
import json
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.layouts import MIN_CONFIDENCE
from jaxpose.recordings.settings import check_fps, check_image_size, check_row
from jaxpose.wording import shown


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

    def checked(self) -> "Options":
        """Returns the options with numbers for texts such as "25" and "1920x1080".

        Raises:
          JaxposeError: a value has no meaning. The message is one line with the flag.
        """
        size = self.image_size
        person = None if self.person is None else _number("--person", self.person)
        confidence = _number("--min_confidence", self.min_confidence)
        if not 0 <= confidence <= 1:
            raise JaxposeError(
                f"--min_confidence={confidence:g}: expected a number from 0 to 1"
            )
        if person is not None and (person < 1 or person % 1):
            raise JaxposeError(
                f"--person={person:g}: people are counted from 1, the most present one "
                "first"
            )
        for flag, name in (("--layout", self.layout), ("skeleton", self.skeleton)):
            if not isinstance(name, str) and (flag, name) != ("--layout", None):
                raise JaxposeError(
                    f"{flag}={shown(name)}: expected the name of a joint order, such "
                    "as coco_17"
                )
        return dataclasses.replace(
            self,
            image_size=None if size is None else check_image_size(size, "--image_size"),
            fps=None if self.fps is None else check_fps(self.fps, "--fps"),
            min_confidence=confidence,
            person=None if person is None else int(person),
        )


def _number(flag: str, value: Any) -> float:
    """Returns a number, also of a text; raises JaxposeError for anything else."""
    (number,) = check_row([value], 1, flag)
    return number
