"""Whatever happens to a file: it is read or refused in one line, in a short time."""

import json
import pathlib
import time
from typing import Any

import numpy as np
import pytest

from jaxpose import recordings
from jaxpose.errors import JaxposeError
from tests.recordings.formats_by_layout_test import write
from tests.recordings.walker import FPS, SIZE, person

FRAMES = 3
LAYOUTS = {
    "openpose": "body_25",
    "alphapose": "coco_17",
    "alphapose_cmu": "coco_18",
    "coco_results": "coco_17",
    "coco_annotations": "coco_17",
    "mmpose": "coco_17",
    "mediapipe": "mediapipe_33",
    "movenet": "coco_17",
    "ultralytics": "coco_17",
    "gast_net": "coco_17",
    "yolo_labels": "coco_17",
    "detectron2": "coco_17",
    "videopose3d": "coco_17",
    "mhformer": "h36m_17",
    "npy": "coco_17",
    "sports2d": "halpe_26",
    "csv": "coco_17",
    "deeplabcut": "coco_17",
}
# What a program or a hand may write in place of a value.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 3.5, 1e308, -1e308, 10**400, float("nan")),
    *(float("inf"), "", "text", "1.0", "[1, 2]", "é\ud83d\ude00", [], {}, [[]], [None]),
    *({"x": None}, [1, [2, [3]]], {"keypoints": []}, {"people": {}}, [0] * 51),
)
MAX_SECONDS = 10.0
MAX_LENGTH = 1000


def damaged_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the bytes with a part lost, repeated, exchanged or overwritten."""
    start, end = np.sort(rng.integers(0, len(data) + 1, 2))
    end = min(end, start + rng.integers(1, 200))
    noise = rng.integers(0, 256, rng.integers(1, 9), np.uint8).tobytes()
    kinds = (
        data[:start],
        data[:start] + data[end:],
        data[:end] + data[start:],
        data[:start] + noise + data[end:],
        data[:start] + noise + data[start + len(noise) :],
        data[end:] + data[:start],
    )
    return kinds[rng.integers(len(kinds))]


def damaged_json(value: Any, rng: np.random.Generator) -> Any:
    """Returns JSON with one value, entry or key at any depth changed or lost."""
    if not isinstance(value, list | dict) or not value or rng.random() < 0.1:
        return ODD[rng.integers(len(ODD))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[rng.integers(len(keys))]
    changed = dict(value) if isinstance(value, dict) else list(value)
    kind = rng.random()
    if kind < 0.05:
        del changed[key]
    elif kind < 0.1 and isinstance(changed, list):
        changed += changed[: rng.integers(1, 4)]
    elif kind < 0.1:
        changed[f"{key}_"] = changed.pop(key)
    else:
        changed[key] = damaged_json(value[key], rng)
    return changed


def damage(path: pathlib.Path, intact: bytes, rng: np.random.Generator) -> None:
    """Overwrites a file with what becomes of its bytes."""
    if path.suffix == ".json" and rng.random() < 0.7:
        value = json.loads(intact)
        for _ in range(rng.integers(1, 4)):
            value = damaged_json(value, rng)
        path.write_text(json.dumps(value), encoding="utf-8", errors="surrogatepass")
    else:
        path.write_bytes(damaged_bytes(intact, rng))


def check_damaged_files(folder: pathlib.Path, format: str, times: int) -> None:
    """Reads a file of a format, damaged so many times in so many ways."""
    layout = LAYOUTS[format]
    walk = person(layout, FRAMES)
    keypoints = np.full((FRAMES, 1, walk.shape[1], 3), 0.9)
    keypoints[:, 0, :, :2] = walk
    top = write(folder, format, keypoints, layout)
    path = sorted(top.iterdir())[0] if top.is_dir() else top
    intact = path.read_bytes()
    for seed in range(times):
        damage(path, intact, np.random.default_rng(seed))
        start = time.perf_counter()
        try:
            reading = recordings.read(folder, image_size=SIZE, fps=FPS)
            said = [refusal.reason for refusal in reading.refused] + reading.unread
            for found in reading.recordings:
                said += [*found.warnings, *found.remarks]
        except JaxposeError as error:
            said = [str(error)]
        except Exception as error:
            raise AssertionError(f"seed {seed} of {format}: {error!r}") from error
        assert time.perf_counter() - start < MAX_SECONDS, (format, seed)
        for sentence in said:
            assert "\n" not in sentence, (format, seed)
            assert len(sentence) < MAX_LENGTH, (format, seed, sentence)


@pytest.mark.parametrize("format", LAYOUTS)
def test_a_damaged_file_is_read_or_refused(tmp_path, format):
    check_damaged_files(tmp_path, format, times=40)


@pytest.mark.slow
@pytest.mark.parametrize("format", LAYOUTS)
def test_thousands_of_damaged_files_are_read_or_refused(tmp_path, format):
    check_damaged_files(tmp_path, format, times=3000)
