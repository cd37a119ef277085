"""Lifts recordings of 2D keypoints, and writes the 3D poses to files.

python -m jaxpose.lift squat.json --video=squat.mp4 --to=npz,trc,bvh,html
python -m jaxpose.lift keypoints/ --image_size=1920,1080 --fps=30 --out=poses
python -m jaxpose.lift dance.mp4 --people=2
"""

from jaxpose import terminal
from jaxpose.parallel import memory, signals

# Before the imports, which take a second: a signal in them must not be lost.
if __name__ == "__main__":
    terminal.protect()
    signals.install()
    memory.keep_freed_memory()

import argparse
import functools
import json
import pathlib
import re
import sys
from collections.abc import Sequence

from jaxpose import compilation_cache
from jaxpose.detect import is_video, read_video
from jaxpose.errors import JaxposeError, explain
from jaxpose.lifted import Video, print_videos, to_json
from jaxpose.lifter import Lifter, load
from jaxpose.recordings import reader
from jaxpose.recordings.calibration import calibrated, read_calibration
from jaxpose.recordings.flags import add_flags, stated_by
from jaxpose.recordings.media import read_media
from jaxpose.recordings.options import Options
from jaxpose.results import (
    DEFAULT_FORMATS,
    FORMATS,
    Results,
    claim_files,
    lift_videos,
    parse_formats,
)
from jaxpose.wording import one_line, printable, shown

# Programs that compile for longer are kept for the next call.
_SHORTEST_COMPILATION = 0.1


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    flags = _parser().parse_args(argv)
    try:
        videos = _lift_all(flags)
    except (JaxposeError, OSError, MemoryError) as error:
        print(f"error: {printable(explain(error) or '')}", file=sys.stderr)
        return 1
    if flags.json:
        print(json.dumps([to_json(video) for video in videos], indent=2))
    else:
        print_videos(videos)
    return int(any(video.reason for video in videos) or not videos)


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxpose.lift",
        description=(__doc__ or "").split("\n")[0],
        epilog="Exit status: 0; 1 where a recording was not lifted or none was found.",
    )
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", help="a file, a folder of files, a video")
    add("--video", metavar="FILE", help="the video that the keypoints are of")
    add(
        "--to",
        metavar="FORMATS",
        type=_formats,
        default=DEFAULT_FORMATS,
        help=f"out of {', '.join(FORMATS)} (default: {','.join(DEFAULT_FORMATS)})",
    )
    add("--out", metavar="DIR", help="where files go (default: beside the input)")
    add("--overwrite", action="store_true", help="replace files that exist")
    add("--model", metavar="WORKDIR|FILE", help="own weights (default: the released)")
    add(
        "--calibration",
        metavar="FILE",
        help="of the camera: Pose2Sim's TOML, OpenCV's YAML or XML",
    )
    add("--people", metavar="N", type=_count, help="the N most present people")
    add("--smooth", metavar="HZ", type=float, help="low pass of the poses, such as 6")
    add("--root", action="store_true", help="place the person before the camera")
    add("--upright", action="store_true", help="turn up against gravity")
    add("--person_model", metavar="FILE", help="of a video: YOLOX as ONNX")
    add("--keypoint_model", metavar="FILE", help="of a video: RTMPose as ONNX")
    add("--json", action="store_true", help="print JSON")
    add_flags(parser, person=1)
    return parser


def _formats(text: str) -> tuple[str, ...]:
    """Returns the formats of a comma-separated list, each once."""
    try:
        return parse_formats(text)
    except JaxposeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    """Returns a whole number above 0."""
    # Python reads no number of thousands of digits.
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} is no number of people")
    return int(text)


def _lift_all(flags: argparse.Namespace) -> list[Video]:
    """Reads, lifts and writes; returns all videos, those that failed among them.

    Raises:
      JaxposeError: a mistake that concerns all of them.
    """
    # Each path is read alone, so that a bad one does not stop the others.
    compilation_cache.use(_SHORTEST_COMPILATION)
    lifter = load(flags.model)
    options = _options(lifter, flags)
    results = _results(flags)
    videos = []
    for path in map(pathlib.Path, flags.paths):
        try:
            if is_video(path):
                reading = _read_video(path, options, results, flags)
            else:
                reading = reader.read_with(path, options)
        except JaxposeError as error:
            videos.append(Video(str(path), str(path), reason=one_line(error)))
            continue
        videos += _videos_of(path, reading, flags)
    if flags.video and len(videos) > 1:
        raise JaxposeError(
            f"--video={flags.video} is one video, and there are recordings of "
            f"{len(videos)}; lift them one by one"
        )
    # Files that exist are found before anything is computed.
    results.make_folder()
    for video in videos:
        people = [recording.person for recording in video.recordings]
        video.files = results.files_of(video.name, video.where, people)
    claim_files(videos, results)
    if flags.calibration:
        _calibrate(videos, pathlib.Path(flags.calibration))
    lift = functools.partial(lifter.lift, estimate_missing=flags.estimate_missing)
    lift_videos(videos, lift, results)
    return videos


def _results(flags: argparse.Namespace) -> Results:
    """Returns what is to be written."""
    return Results(
        formats=flags.to,
        folder=pathlib.Path(flags.out).expanduser() if flags.out else None,
        overwrite=flags.overwrite,
        several=flags.people is not None,
        smooth=flags.smooth,
        root=flags.root,
        upright=flags.upright,
    )


def _options(lifter: Lifter, flags: argparse.Namespace) -> Options:
    """Returns the options of reading; the header of the video counts as stated."""
    stated = stated_by(flags)
    if flags.people is not None:
        stated["person"] = None
    if flags.video is not None:
        header = read_media(pathlib.Path(flags.video))
        if header is None:
            raise JaxposeError(f"--video={flags.video} is no video that can be read")
        stated["image_size"] = stated["image_size"] or header.image_size
        stated["fps"] = stated["fps"] or header.fps
    return lifter.options(**stated)


def _read_video(
    path: pathlib.Path, options: Options, results: Results, flags: argparse.Namespace
) -> reader.Reading:
    """Returns the people in a video, unless their files exist: finding them is slow."""
    people = [flags.person]
    if flags.people is not None:
        people = list(range(1, flags.people + 1))
    files = results.files_of(path.stem, str(path), people)
    results.require_absent(files.values())
    return read_video(path, options, flags.person_model, flags.keypoint_model)


def _videos_of(
    path: pathlib.Path, reading: reader.Reading, flags: argparse.Namespace
) -> list[Video]:
    """Returns the videos of a path, with the people to lift or the reason why not."""
    shown = flags.video
    if is_video(path):
        shown = str(path)
    videos: dict[str, Video] = {}
    for recording in reading.recordings:
        name = recording.video
        if name not in videos:
            videos[name] = Video(name, recording.where, recording.people, shown)
        if flags.people is None or recording.person <= flags.people:
            videos[name].recordings.append(recording)
    failed = []
    for refusal in reading.refused:
        failed.append(Video(refusal.name, refusal.where, reason=refusal.reason))
    if not videos and not failed:
        reason = reader.why_nothing(path, reading)
        failed.append(Video(str(path), str(path), reason=reason))
    return [*videos.values(), *failed]


def _calibrate(videos: Sequence[Video], path: pathlib.Path) -> None:
    """Gives all people the lens of their camera; what has none gets a reason.

    Raises:
      JaxposeError: the file cannot be read.
    """
    cameras = read_calibration(path)
    for video in videos:
        try:
            people = [calibrated(each, cameras, str(path)) for each in video.recordings]
        except JaxposeError as error:
            video.reason = one_line(error)
            continue
        video.recordings = people


if __name__ == "__main__":
    sys.exit(main())
