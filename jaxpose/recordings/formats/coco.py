"""Reads COCO annotation files.

COCO's format of data (cocodataset.org, format-data): {"images": [{"id", "file_name",
"width", "height"}], "annotations": [{"image_id", "keypoints": [x0, y0, v0, ...],
"bbox": [left, top, width, height]}], "categories": [{"keypoints": [names]}]}, v being
0 not labelled, 1 hidden, 2 visible. PoseTrack 2018 and CVAT add `track_id`, and
`frame_id` and `video_id` to an image.
"""

import collections
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, nobody, with_named_joints
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat, first, image_size_of
from jaxpose.recordings.frame_names import split_into_videos
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown


def _recognises(content: Content) -> bool:
    """Returns whether a content is a dict of annotations with keypoints."""
    if content.kind != "json" or not isinstance(content.value, dict):
        return False
    annotations = content.value.get("annotations")
    entry = first(annotations)
    has_images = isinstance(content.value.get("images"), list)
    if entry is None:
        return isinstance(annotations, list) and has_images
    return isinstance(entry, dict) and "image_id" in entry and "keypoints" in entry


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a file of annotations."""
    people = _people_by_image(content)
    images = _images(content, people)
    names = _joint_names(content.value.get("categories"))

    # A video is what `video_id` says, or else the names of its images.
    videos: dict[Any, list[dict[str, Any]]] = collections.defaultdict(list)
    for image in images:
        videos[image.get("video_id", image.get("vid_id"))].append(image)
    found = []
    for video, members in videos.items():
        if video is None:
            found.extend(_read_by_name(members, people, content))
        else:
            name = content.stem if len(videos) == 1 else f"{content.stem} {video}"
            collector = Collector(name, content.where, "coco annotations")
            for index, image in enumerate(members):
                number = image.get("frame_id", index)
                if not isinstance(number, int):
                    number = index
                collector.add(number, people.get(image["id"], ()))
            found.append(_finish(collector, members))
    if not found:
        raise JaxposeError(nobody(content.where, len(images)))
    return [with_named_joints(detections, names) for detections in found]


def _people_by_image(content: Content) -> dict[Any, list[Person]]:
    """Returns the people by the `id` of their image.

    Raises:
      JaxposeError: an annotation is not as documented.
    """
    people: dict[Any, list[Person]] = collections.defaultdict(list)
    for index, entry in enumerate(content.value["annotations"]):
        image = entry.get("image_id") if isinstance(entry, dict) else None
        if not isinstance(image, int | str):
            raise JaxposeError(
                f"{content.where}: annotations[{index}]: expected an object with "
                f"image_id, found {shown(entry)}"
            )
        number = entry.get("track_id", entry.get("person_id"))
        # Other objects than people have no keypoints, and small people none in sight.
        if entry.get("keypoints") and entry.get("num_keypoints") != 0:
            person = Person(entry["keypoints"], number=number, box=entry.get("bbox"))
            people[image].append(person)
    return people


def _images(content: Content, people: dict[Any, list[Person]]) -> list[dict[str, Any]]:
    """Returns the images of the file, or those that the annotations name.

    Raises:
      JaxposeError: an image has no id.
    """
    images = content.value.get("images")
    if not isinstance(images, list) or not images:
        return [{"id": image, "file_name": str(image)} for image in people]
    for index, image in enumerate(images):
        if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
            raise JaxposeError(
                f"{content.where}: images[{index}]: expected an object with id, found "
                f"{shown(image)}"
            )
    return images


def _read_by_name(
    images: list[dict[str, Any]], people: dict[Any, list[Person]], content: Content
) -> list[Detections]:
    """Returns the videos that the names of images belong to."""
    names = [str(image.get("file_name", image["id"])) for image in images]
    videos = split_into_videos(names)
    found = []
    for video in videos:
        is_alone = len(videos) == 1
        where, name = content.where, content.stem
        if not is_alone:
            where = f"{where}: {cut(video.pattern.replace('/', ' '), 100)}"
            name = video.video or name
        collector = Collector(name, where, "coco annotations")
        collector.remarks.extend(video.remarks)
        members = [images[member] for member in video.members]
        for image, number in zip(members, video.numbers, strict=True):
            label = str(image.get("file_name", image["id"]))
            collector.add(number, people.get(image["id"], ()), label)
        if is_alone or any(people.get(image["id"]) for image in members):
            found.append(_finish(collector, members))
    return found


def _finish(collector: Collector, images: list[dict[str, Any]]) -> Detections:
    """Returns the detections of a video, with the size of its images if it is one."""
    sizes = {image_size_of(image) for image in images}
    size = sizes.pop() if len(sizes) == 1 else None
    return collector.finish(image_size=size)


def _joint_names(categories: Any) -> list[str]:
    """Returns the names of the joints of the first category that has any."""
    for category in categories if isinstance(categories, list) else []:
        names = category.get("keypoints") if isinstance(category, dict) else None
        if isinstance(names, list) and names and all(isinstance(n, str) for n in names):
            return names
    return []


ANNOTATIONS = VideoFormat("coco annotations", _recognises, _read)
