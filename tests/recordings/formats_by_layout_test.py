"""Every format with every joint order that its tools write, read to the end."""

import numpy as np
import pytest

from jaxpose import recordings
from tests.recordings import writers
from tests.recordings.walker import FPS, SIZE, person

FRAMES = 20

# Joint orders by format. Those of GAST-Net's samples and of MMPose are named in the
# file, or told by the number of joints.
RTMLIB = ("coco_17", "halpe_26", "coco_wholebody_133")
LAYOUTS = {
    "openpose": (
        *("body_25", "body_25b", "body_135", "coco_18", "mpi_15", "halpe_136"),
        *RTMLIB,
    ),
    "alphapose": ("halpe_136", "coco_wholebody_133", "halpe_26", "coco_17"),
    "alphapose_cmu": ("coco_18",),
    "coco_results": RTMLIB,
    "coco_annotations": (*RTMLIB, "crowdpose_14", "mpii_16"),
    "mmpose": (*RTMLIB, "crowdpose_14", "aic_14", "mpii_16"),
    "detectron2": ("coco_17",),
    "videopose3d": ("coco_17",),
    "mediapipe": ("mediapipe_33",),
    "movenet": ("coco_17",),
    "ultralytics": ("coco_17",),
    "yolo_labels": ("coco_17", "mediapipe_33"),
    "gast_net": ("coco_17", "coco_wholebody_133"),
    "mhformer": ("h36m_17",),
    "csv": ("coco_17", "body_25", "h36m_17", "mediapipe_33", "crowdpose_14"),
    "deeplabcut": ("coco_17", "halpe_26"),
    "sports2d": ("halpe_26",),
    "npy": (*RTMLIB, "h36m_17", "mpii_16", "mediapipe_33"),
}
PAIRS = [(format, layout) for format, names in LAYOUTS.items() for layout in names]


def write(folder, format, keypoints, layout):
    """Writes `[F, 1, J, 3]` in a format, and returns the path."""
    names = writers.SKELETONS[layout].joints
    path = folder / "walk.json"
    json = {
        "alphapose": writers.alphapose_list,
        "alphapose_cmu": writers.alphapose_cmu,
        "coco_results": writers.coco_results,
        "coco_annotations": lambda k: writers.coco_annotations(k, SIZE, names),
        "mmpose": lambda k: writers.mmpose_demo(k, layout),
        "mediapipe": lambda k: writers.mediapipe_frames(k, SIZE),
        "movenet": lambda k: writers.movenet_frames(k, names),
        "ultralytics": lambda k: [writers.ultralytics_people(frame) for frame in k],
        "gast_net": writers.gast_net,
    }
    if format in json:
        return writers.write_json(path, json[format](keypoints))
    if format == "openpose":
        return writers.write_openpose(folder / "walk", keypoints)
    if format == "yolo_labels":
        return writers.write_yolo_labels(folder / "walk", keypoints, SIZE)
    if format == "detectron2":
        return writers.write_detectron2(folder / "walk.mp4.npz", keypoints, SIZE)
    if format == "videopose3d":
        videos = {"walk": keypoints[:, 0, :, :2]}
        return writers.write_videopose3d(folder / "data_2d_custom_a.npz", videos, SIZE)
    if format == "mhformer":
        np.savez(folder / "keypoints.npz", reconstruction=keypoints.swapaxes(0, 1))
        return folder / "keypoints.npz"
    if format == "npy":
        np.save(folder / "walk.npy", keypoints[:, 0])
        return folder / "walk.npy"
    if format == "sports2d":
        return writers.write_trc(folder / "walk_px_person00.trc", keypoints, names)
    rows = writers.wide_rows if format == "csv" else writers.deeplabcut_rows
    return writers.write_csv(folder / "walk.csv", rows(keypoints, names))


@pytest.mark.parametrize(("format", "layout"), PAIRS)
def test_every_format_with_every_layout(tmp_path, format, layout):
    walk = person(layout, FRAMES)
    keypoints = np.full((FRAMES, 1, walk.shape[1], 3), 0.9)
    keypoints[:, 0, :, :2] = walk
    path = write(tmp_path, format, keypoints, layout)
    reading = recordings.read(path, image_size=SIZE, fps=FPS)
    assert reading.refused == []
    (recording,) = reading.recordings
    assert recording.layout == layout
    assert len(recording.frames) == FRAMES
    np.testing.assert_allclose(recording.keypoints_2d, walk, atol=1e-3)
    assert recording.seen.all()
