"""The formats of files that are read. A new one is a module and a line of `FORMATS`."""

from jaxpose.recordings.formats import (
    alphapose,
    by_person,
    by_video,
    coco,
    detectron2,
    gast_net,
    mediapipe,
    mhformer,
    mmpose,
    openpose,
    plain,
    records,
    tables,
    trc,
    ultralytics,
    videopose3d,
)
from jaxpose.recordings.formats.base import FrameFormat, VideoFormat

# The first one that recognises a content reads it, so the most particular come first.
FORMATS: tuple[VideoFormat | FrameFormat, ...] = (
    openpose.FRAMES,
    openpose.VIDEO,
    alphapose.CMU_FRAMES,
    alphapose.CMU,
    alphapose.LIST,
    coco.ANNOTATIONS,
    gast_net.VIDEO,
    records.VIDEO,
    by_video.VIDEO,
    ultralytics.FRAMES,
    ultralytics.VIDEO,
    mmpose.VIDEO,
    mmpose.FRAMES,
    alphapose.DICT,
    mediapipe.VIDEO,
    mediapipe.FRAMES,
    by_person.VIDEO,
    detectron2.VIDEO,
    videopose3d.VIDEO,
    mhformer.VIDEO,
    plain.VIDEO,
    trc.VIDEO,
    ultralytics.LABELS,
    tables.VIDEO,
)
