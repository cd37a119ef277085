"""2D keypoints of a video: by a detector that is made up, and by tiny networks."""

import pathlib
import sys

import numpy as np
import pytest

from jaxpose.detect import RtmlibDetector, detect_in_video, detections_in
from jaxpose.errors import JaxposeError
from jaxpose.recordings.arrays import from_detections
from jaxpose.recordings.options import Options
from tests.recordings import walker

F = 20


class MadeUpDetector:
    """Sees two people, one of them from frame 5 on, and nobody in frame 2."""

    def __init__(self):
        self.person = walker.person("halpe_26", F)
        self.frame = -1

    def __call__(self, image):
        assert image.shape == (1080, 1920, 3)
        self.frame += 1
        people = [self.person[self.frame]]
        if self.frame >= 5:
            people.insert(0, self.person[self.frame] / 2)
        if self.frame == 2:
            people = []
        keypoints = np.reshape(people, (-1, 26, 2))
        return keypoints, np.full(keypoints.shape[:2], 0.8)


def frames(count=F):
    return (np.zeros((1080, 1920, 3), np.uint8) for _ in range(count))


def test_people_are_followed_through_the_frames_of_a_video():
    path = pathlib.Path("dance.mp4")
    detections = detections_in(frames(), MadeUpDetector(), path, 25.0)
    assert (detections.name, detections.num_frames) == ("dance", F)
    reading = from_detections(detections, Options())
    assert [recording.name for recording in reading.recordings] == [
        "dance person 1",
        "dance person 2",
    ]
    first = reading.recordings[0]
    assert (first.layout, first.fps, first.format) == ("halpe_26", 25.0, "rtmlib")
    assert first.camera.image_size == walker.SIZE
    np.testing.assert_array_equal(np.flatnonzero(~first.detected), [2])
    seen = first.detected
    expected = walker.person("halpe_26", F)[seen]
    np.testing.assert_allclose(first.keypoints_2d[seen], expected)


def test_a_video_without_people_or_frames_is_named():
    def nobody(image):
        return np.zeros((0, 0, 2)), np.zeros((0, 0))

    path = pathlib.Path("empty.mp4")
    detections = detections_in(frames(), nobody, path, 25.0)
    with pytest.raises(JaxposeError, match=r"empty\.mp4: nobody was detected"):
        from_detections(detections, Options())
    with pytest.raises(JaxposeError, match=r"empty\.mp4 holds no frame"):
        detections_in(frames(0), nobody, path, 25.0)


def test_without_rtmlib_the_message_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(JaxposeError, match=r"pip install 'jaxpose\[video\]'"):
        RtmlibDetector(None, None)
    with pytest.raises(JaxposeError, match="go together"):
        RtmlibDetector("a.onnx", None)
    with pytest.raises(JaxposeError, match=r"a\.onnx does not exist"):
        RtmlibDetector("a.onnx", "b.onnx")


def tiny_networks(folder: pathlib.Path) -> tuple[str, str]:
    """Writes networks of constants: a box, and 17 joints on the diagonal of a box."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the tiny networks")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT

    def write(name, size, outputs):
        image = helper.make_tensor_value_info("image", floats, [1, 3, *size])
        nodes, values = [], []
        for key, array in outputs.items():
            tensor = onnx.numpy_helper.from_array(array.astype(np.float32), key)
            nodes.append(helper.make_node("Constant", [], [key], value=tensor))
            shape = list(array.shape)
            values.append(helper.make_tensor_value_info(key, floats, shape))
        graph = helper.make_graph(nodes, name, [image], values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.save(model, folder / name)
        return str(folder / name)

    # YOLOX with suppression inside: left, top, right, bottom, score; of 64 x 64.
    box = np.array([[[16.0, 16, 48, 48, 0.9]]])
    people = write("people.onnx", (64, 64), {"boxes": box})
    # RTMPose: for each joint a score per half pixel, of 32 wide and 48 high.
    across, down = np.zeros((1, 17, 64)), np.zeros((1, 17, 96))
    across[0, np.arange(17), 2 * np.arange(17)] = 0.9
    down[0, np.arange(17), 3 * np.arange(17)] = 0.9
    keypoints = write("joints.onnx", (48, 32), {"x": across, "y": down})
    return people, keypoints


def test_tiny_networks_run_through_rtmlib(tmp_path):
    pytest.importorskip("rtmlib", reason="rtmlib, the extra `video`")
    detector = RtmlibDetector(*tiny_networks(tmp_path))
    keypoints, scores = detector(np.zeros((128, 128, 3), np.uint8))
    assert keypoints.shape == (1, 17, 2)
    np.testing.assert_allclose(scores, 0.9, atol=1e-6)
    # The box of 64 pixels, a quarter larger, is 80 wide and has the shape of the images
    # that the network takes: one pixel of these is 2.5 of the image.
    steps = np.diff(keypoints[0], axis=0)
    np.testing.assert_allclose(steps, np.tile([2.5, 3.75], (16, 1)), atol=1e-4)


def test_a_video_of_opencv_is_read_frame_by_frame(tmp_path):
    cv2 = pytest.importorskip("cv2", reason="OpenCV, of the extra `video`")
    path = tmp_path / "short.avi"
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), code, 20.0, (64, 48))
    for _ in range(6):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()

    def one_person(image):
        assert image.shape == (48, 64, 3)
        return np.ones((1, 17, 2)), np.ones((1, 17))

    detections = detect_in_video(path, one_person)
    assert (detections.num_frames, detections.fps) == (6, 20.0)
    assert detections.image_size == (64, 48)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(JaxposeError, match="is no video that OpenCV can read"):
        detect_in_video(tmp_path / "text.mp4", one_person)
