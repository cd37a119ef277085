"""Says what became of the videos that `jaxpose lift` was given."""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from jaxpose.pose import Pose
from jaxpose.recordings.recording import Recording
from jaxpose.wording import count_of, printable

_MAX_NAMES = 3  # of videos that share a note


@dataclasses.dataclass
class Video:
    """A video, and what became of it.

    Attributes:
      name: of the video.
      where: the file or folder of its keypoints.
      people: how many people it shows.
      video: the file of its frames, where it is known.
      recordings: the people to lift.
      files: what is written, by person and format; pages of all people have person 0.
      poses: of the people, when they are lifted.
      reason: why nothing was written, in one line, or None.
    """

    name: str
    where: str
    people: int = 0
    video: str | None = None
    recordings: list[Recording] = dataclasses.field(default_factory=list)
    files: dict[tuple[int, str], pathlib.Path] = dataclasses.field(default_factory=dict)
    poses: list[Pose] = dataclasses.field(default_factory=list)
    reason: str | None = None


def to_json(video: Video) -> dict[str, Any]:
    """Returns what is printed with --json.

    `status` is "lifted" or "refused" with its reason; `people` is how many the video
    shows, `lifted` the numbers of those who were.
    """
    row: dict[str, Any] = {
        "name": video.name,
        "where": video.where,
        "status": "refused" if video.reason else "lifted",
        "reason": video.reason,
        "people": video.people,
        "lifted": [],
    }
    if video.reason:
        return row
    for pose in video.poses:
        row["lifted"].append(
            {
                "person": pose.person,
                "frames": len(pose.frames),
                "seen": round(float(pose.seen.mean()), 4),
                "fps": pose.rate,
            }
        )
    row["files"] = [str(path) for path in video.files.values()]
    row["warnings"] = _unique(video, "warnings")
    row["remarks"] = _unique(video, "remarks")
    row["model"] = video.poses[0].model
    return row


def print_videos(videos: Sequence[Video]) -> None:
    """Prints a line per video, then what there is to know about them."""
    # The people of a video, and videos of a folder, share most notes.
    names_of: dict[tuple[str, str], list[str]] = {}
    for video in videos:
        name = printable(video.name)
        if video.reason:
            reason = printable(video.reason)
            # A name that is the path begins the reason already.
            if not reason.startswith(name):
                reason = f"{name}: {reason}"
            print(f"error: {reason}", file=sys.stderr)
            continue
        print(f"{name}: {_summary(video)}")
        for kind, label in (("warnings", "warning"), ("remarks", "note")):
            for sentence in _unique(video, kind):
                names_of.setdefault((label, sentence), []).append(name)
    for (label, sentence), names in names_of.items():
        shown = ", ".join(names[:_MAX_NAMES])
        if len(names) > _MAX_NAMES:
            shown += f" and {len(names) - _MAX_NAMES} more"
        print(f"{label}: {shown}: {printable(sentence)}")


def _summary(video: Video) -> str:
    """Returns who was lifted, how much was seen, and the files."""
    lifted = []
    for pose in video.poses:
        who = "1 person"
        if video.people > 1:
            who = f"person {pose.person} of {video.people}"
        frames = count_of(len(pose.frames), "frame", "frames")
        lifted.append(f"{who}, {frames}, {pose.seen.mean():.0%} seen")
    facts = "; ".join(lifted) + f", {video.poses[0].rate:g} fps"
    others = video.people - len(video.poses)
    if others:
        facts += f" ({count_of(others, 'other', 'others')}: --person=K or --people=N)"
    files = ", ".join(printable(str(path)) for path in video.files.values())
    return f"{facts} -> {files}"


def _unique(video: Video, kind: str) -> list[str]:
    """Returns the warnings or remarks about the people of a video, each once."""
    sentences: list[str] = []
    for recording in video.recordings:
        sentences += getattr(recording, kind)
    if kind == "remarks":
        for pose in video.poses:
            sentences += pose.remarks
    return list(dict.fromkeys(sentences))
