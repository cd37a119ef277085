"""Makes recordings of the people whom the detections of one video show."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxpose.body.layouts import layout_name
from jaxpose.body.skeletons import SKELETONS, get_skeleton
from jaxpose.datasets.camera import Camera
from jaxpose.errors import JaxposeError
from jaxpose.recordings import layouts, people
from jaxpose.recordings.collect import with_fractions
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.media import Media
from jaxpose.recordings.options import Options
from jaxpose.recordings.recording import Recording
from jaxpose.recordings.settings import NAMES, SETTINGS_FILE, Settings
from jaxpose.recordings.timeline import Timeline, make_timeline
from jaxpose.recordings.times import contradiction
from jaxpose.wording import count_of, ordinal, shown


@dataclasses.dataclass(frozen=True)
class Video:
    """The detections of a video with everything that they leave open decided.

    Attributes:
      detections: as the file has them.
      settings: of the nearest `dataset.json`.
      choice: the joint order.
      keypoints_2d: `[D, J, 2]` pixels, NaN where not seen.
      confidence: `[D, J]` in [0, 1], 0 where not seen.
      timeline: the frames.
      image_size: (width, height) in pixels.
      fps: frames per second of the source.
      remarks: sentences about what was understood.
    """

    detections: Detections
    settings: Settings
    choice: layouts.LayoutChoice
    keypoints_2d: np.ndarray
    confidence: np.ndarray
    timeline: Timeline
    image_size: tuple[int, int]
    fps: float
    remarks: tuple[str, ...]


def understand(
    detections: Detections, settings: Settings, media: Sequence[Media], options: Options
) -> Video:
    """Decides what the file of a video leaves open.

    Args:
      detections: what the file holds.
      settings: of the nearest `dataset.json`.
      media: the video and the image beside the file, as far as they are there.
      options: what the user states; it comes first.

    Raises:
      JaxposeError: nobody is in the video, the joint order is unknown, or the image
        size or the frame rate is stated nowhere.
    """
    where = detections.where
    if not len(detections.keypoints):
        raise JaxposeError(f"{where}: nobody was detected in any frame")
    try:
        choice = _choose_layout(detections, settings, options)
        num_joints = choice.num_joints
    except JaxposeError as error:
        raise JaxposeError(f"{where}: {error}") from None
    if choice.name == "mediapipe_33":
        # Its landmarks are fractions of the image, whatever file they are in.
        detections = with_fractions(detections)
    image_size, about_size = _image_size(detections, settings, media, options)
    fps, about_fps = _fps(detections, settings, media, options)
    if image_size is None or fps is None:
        raise JaxposeError(_ask(where, image_size, fps))
    about_times = contradiction(detections.rate_of_times, fps)
    detections = dataclasses.replace(
        detections, warnings=(*detections.warnings, *about_times)
    )
    # From here on NaN and a confidence of 0 mean "not seen", whatever the tool wrote.
    keypoints_2d, confidence, odd = layouts.hide_unseen(
        detections.keypoints[:, :num_joints], options.min_confidence
    )
    if detections.normalised:
        keypoints_2d *= image_size
    timeline = make_timeline(
        detections.frames,
        detections.first_frame,
        detections.num_frames,
        detections.missing_frames,
        where,
    )

    # Everything that was decided for the user is said.
    remarks = [*detections.remarks, *odd, *about_size, *about_fps]
    if choice.reason:
        remarks.append(choice.reason)
    if timeline.step > 1:
        rate = fps / timeline.step
        remarks.append(
            f"the file holds every {ordinal(timeline.step)} frame: {rate:g} per second"
        )
    return Video(
        detections,
        settings,
        choice,
        keypoints_2d,
        confidence,
        timeline,
        image_size,
        fps,
        tuple(remarks),
    )


def _choose_layout(
    detections: Detections, settings: Settings, options: Options
) -> layouts.LayoutChoice:
    """Chooses the joint order by the flag, the file, the settings, or the keypoints.

    The settings speak of a whole folder: where a file has another number of joints than
    they say, it is not meant.

    Raises:
      JaxposeError: the name or the number of joints is unknown, or they do not fit.
    """
    keypoints, in_settings = detections.keypoints, settings.values.get("keypoints")
    is_open = options.layout is None and detections.layout is None
    if is_open and in_settings is not None:
        expected = get_skeleton(layout_name(in_settings)).num_joints
        if expected != keypoints.shape[1]:
            with contextlib.suppress(JaxposeError):
                choice = layouts.choose_layout(keypoints)
                reason = choice.reason or (
                    f"{keypoints.shape[1]} joints, while {SETTINGS_FILE} says "
                    f"{in_settings}: read as {choice.name}"
                )
                return dataclasses.replace(choice, reason=reason)
    stated = detections.layout or in_settings
    return layouts.choose_layout(keypoints, stated, options.layout)


def recordings_of(video: Video, name: str, options: Options) -> list[Recording]:
    """Returns a recording of each person, or of the one that the options name.

    Args:
      video: a video.
      name: of the video, unique among those read together.
      options: `person` chooses one.

    Raises:
      JaxposeError: no person is seen for long enough, or there is none of that number.
    """
    detections, timeline = video.detections, video.timeline
    found = people.follow(
        video.keypoints_2d,
        video.confidence,
        timeline.positions(detections.frames),
        detections.ids,
    )
    # Nobody, or fewer people than the one who is asked for.
    count = len(found.people)
    if not count:
        raise JaxposeError(
            f"{detections.where}: somebody was detected, but no joint of anybody has a "
            f"place in an image and the confidence --min_confidence="
            f"{options.min_confidence:g}"
        )
    if options.person is not None and options.person > count:
        raise JaxposeError(
            f"{detections.where}: --person={options.person} is not there; the file "
            f"shows {count_of(count, 'person', 'people')}"
        )
    skeleton = _skeleton(video)
    if detections.positions_3d is not None and skeleton not in SKELETONS:
        raise JaxposeError(
            f"{detections.where}: skeleton is {shown(skeleton)}; known are "
            f"{', '.join(SKELETONS)}"
        )
    # Own 3D belongs to all frames of a file, so it fits a file of one person only.
    if count > 1 and detections.positions_3d is not None:
        raise JaxposeError(
            f"{detections.where}: positions_3d of one person beside keypoints of "
            f"{count} people; give each person a file of its own"
        )
    recordings = []
    for number, person in enumerate(found.people, 1):
        if options.person in (None, number):
            recordings.append(_recording(video, found, number, person, name))
    return recordings


def _recording(
    video: Video, found: people.People, number: int, person: people.Person, name: str
) -> Recording:
    """Returns the recording of one person.

    Args:
      video: the video.
      found: everybody in it.
      number: of the person, from 1.
      person: that person.
      name: of the video.
    """
    detections, settings = video.detections, video.settings.values
    count = len(found.people)
    frames = detections.frames[person.rows]
    # Of several people, each is there for a while; one person is the whole video.
    timeline = video.timeline
    if count > 1:
        timeline = timeline.between(int(frames.min()), int(frames.max()))
        name = f"{name} person {number}"

    # The rows of this person; frames without one are filled with "not seen".
    keypoints_2d = video.keypoints_2d[person.rows]
    confidence = video.confidence[person.rows]
    is_seen = np.isfinite(keypoints_2d).all(axis=-1).any(axis=1)
    names = _names(video, count, number)
    camera = Camera(
        name=names["camera"],
        image_size=video.image_size,
        intrinsics=detections.intrinsics or settings.get("intrinsics"),
    )
    # People who only pass by are no recordings of their own.
    remarks = list(video.remarks)
    if found.passing:
        sights = "1 short sight of others was"
        if found.passing > 1:
            sights = f"{found.passing:,} short sights of others were"
        remarks.append(f"{sights} left out")
    if person.meetings:
        often = count_of(person.meetings, "frame", "frames")
        remarks.append(
            f"in {often} another person is less than half a body away, and the file "
            "has no ids: the two may be mixed up; a detector with tracking gives ids"
        )
    return Recording(
        name=name,
        where=detections.where,
        format=detections.format,
        layout=video.choice.name,
        keypoints_2d=timeline.place(frames, keypoints_2d, np.nan),
        confidence=timeline.place(frames, confidence, 0.0),
        frames=timeline.numbers,
        detected=timeline.place(frames, is_seen, False),
        fps=video.fps,
        camera=camera,
        person=number,
        people=count,
        switches=person.switches,
        subject=names["subject"],
        action=names["action"],
        take=names["take"],
        positions_3d=detections.positions_3d,
        skeleton=_skeleton(video),
        warnings=detections.warnings,
        remarks=tuple(remarks),
    )


def _skeleton(video: Video) -> str:
    """Returns the joint order of the user's own 3D."""
    in_settings = video.settings.values.get("skeleton", "h36m_17")
    return video.detections.skeleton or in_settings


def _names(video: Video, count: int, number: int) -> dict[str, str]:
    """Returns subject, action, take and camera: stated, or from the file's path."""
    detections = video.detections
    stated = {}
    for key in NAMES:
        name = detections.names.get(key) or video.settings.values.get(key)
        if name:
            stated[key] = name
    # What nothing states comes from the path: folder and file name.
    take = stated.get("take", detections.name)
    defaults = {
        "subject": pathlib.Path(detections.where).absolute().parent.name
        or detections.name,
        "action": take,
        "take": take,
        "camera": "0",
    }
    names = defaults | stated
    if count > 1:
        names["subject"] += f" person {number}"
    return names


def _image_size(
    detections: Detections, settings: Settings, media: Sequence[Media], options: Options
) -> tuple[tuple[int, int] | None, list[str]]:
    """Returns the image size, None where nothing states it, and sentences about it."""
    stated = (
        options.image_size or detections.image_size or settings.values.get("image_size")
    )
    remarks = []
    # A video beside the file fills in the size, or contradicts it.
    for beside in media:
        width, height = beside.image_size
        if stated is None:
            stated = beside.image_size
            remarks.append(f"image size {width} x {height} from {beside.path.name}")
        elif stated != beside.image_size:
            remarks.append(
                f"the image size is said to be {stated[0]} x {stated[1]}, while "
                f"{beside.path.name} has {width} x {height}"
            )
    return stated, remarks


def _fps(
    detections: Detections, settings: Settings, media: Sequence[Media], options: Options
) -> tuple[float | None, list[str]]:
    """Returns the frame rate, None where nothing states it, and sentences about it."""
    stated = options.fps or detections.fps or settings.values.get("fps")
    if stated is not None:
        return stated, []
    for beside in media:
        if beside.fps is not None:
            remark = f"{beside.fps:g} frames per second from {beside.path.name}"
            return beside.fps, [remark]
    return None, []


def _ask(where: str, size: tuple[int, int] | None, fps: float | None) -> str:
    """Returns the sentence that asks for an image size, a frame rate, or both."""
    lacking, flags = [], []
    if size is None:
        lacking.append("the image size")
        flags.append("--image_size=WIDTH,HEIGHT")
    if fps is None:
        lacking.append("the frame rate")
        flags.append("--fps=FPS")
    return (
        f"{where}: neither the file, nor a {SETTINGS_FILE}, nor a video beside it "
        f"states {' and '.join(lacking)}; give {' '.join(flags)}"
    )
