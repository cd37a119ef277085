"""Windows, chunks and mirror images of jaxpose for what golden files record of them."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import Skeleton
from jaxpose.data import windows
from tests import reference_windows
from tests.golden_files import Arrays, Pairs
from tests.golden_graphs import skeleton_of


def generators(arrays: Arrays, dtype: np.dtype) -> Pairs:
    """Yields the batches of the chunked and unchunked generators of VideoPose3D."""
    config = json.loads(str(arrays["config"]))
    count = sum(key.endswith("/poses_2d") for key in arrays)
    names = ("poses_2d", "poses_3d", "camera")
    sequences = [[arrays[f"seq{i}/{name}"] for name in names] for i in range(count)]
    skeletons = (
        _with_sides(sequences[0][0], config, "kps_left", "kps_right"),
        _with_sides(sequences[0][1], config, "joints_left", "joints_right"),
    )
    for case in config["cases"]:
        compute = _chunked if "chunk_length" in case else _unchunked
        for key, found in compute(case, sequences, skeletons):
            yield f"{case['name']}/{key}", found, arrays[f"{case['name']}/{key}"]
    for key in arrays:
        if key.startswith("subset/"):
            fraction, num_frames, stride = (
                part[1:] for part in key.split("/")[1].split("_")
            )
            found = reference_windows.subset_frames(
                int(num_frames), float(fraction), int(stride)
            )
            yield key, np.array(found), arrays[key]


def _with_sides(
    joints: np.ndarray, config: Mapping[str, Any], left: str, right: str
) -> Skeleton:
    """Returns the skeleton of an array `[..., J, 2 or 3]`.

    Its sides are those that the file names, where it does.
    """
    skeleton = skeleton_of(joints.shape[-2])
    if left not in config:
        return skeleton
    return dataclasses.replace(
        skeleton, left=tuple(config[left]), right=tuple(config[right])
    )


def _mirrored(
    parts: list[np.ndarray], skeletons: tuple[Skeleton, Skeleton]
) -> list[np.ndarray]:
    *joints, camera = parts
    flipped = [
        windows.flip(array, skeleton)
        for array, skeleton in zip(joints, skeletons, strict=True)
    ]
    return [*flipped, cameras.flip_camera(camera)]


def _chunked(
    case: dict, sequences: list, skeletons: tuple[Skeleton, Skeleton]
) -> Iterator[tuple[str, np.ndarray]]:
    sequences = [
        [poses_2d[:: case["downsample"]], poses_3d[:: case["downsample"]], c]
        for poses_2d, poses_3d, c in sequences
    ]
    lengths, length = (
        [len(poses_2d) for poses_2d, _, _ in sequences],
        case["chunk_length"],
    )
    pairs = reference_windows.chunk_list(lengths, length, flipped=case["augment"])
    yield "pairs", pairs
    if case["shuffle"]:
        pairs = np.random.RandomState(case["random_seed"]).permutation(pairs)
    yield "order", pairs
    batches = []
    for sequence, start, _, flipped in pairs:
        *joints, camera = sequences[sequence]
        chunk = reference_windows.chunk(
            joints, start, length, case["pad"], case["causal_shift"]
        )
        parts = [*chunk, camera]
        batches.append(_mirrored(parts, skeletons) if flipped else parts)
    for key, parts in zip(
        ("batch_2d", "batch_3d", "cam"), zip(*batches, strict=True), strict=True
    ):
        yield key, np.stack(parts)
    size = case["batch_size"]
    yield (
        "batch_sizes",
        np.array(
            [len(pairs[first : first + size]) for first in range(0, len(pairs), size)]
        ),
    )


def _unchunked(
    case: dict, sequences: list, skeletons: tuple[Skeleton, Skeleton]
) -> Iterator[tuple[str, np.ndarray]]:
    for i, (poses_2d, poses_3d, camera) in enumerate(sequences):
        padded = reference_windows.pad_sequence(
            poses_2d, 2 * case["pad"] + 1, case["causal_shift"]
        )
        copies = [[padded, poses_3d, camera]]
        if case["augment"]:
            copies.append(_mirrored(copies[0], skeletons))
        for key, parts in zip(
            ("batch_2d", "batch_3d", "cam"), zip(*copies, strict=True), strict=True
        ):
            yield f"seq{i}/{key}", np.stack(parts)


def flip_average(arrays: Arrays, dtype: np.dtype) -> Pairs:
    """Yields the steps of averaging a prediction with that of the mirror image."""
    inputs, predicted, mirrored = (
        arrays[key].astype(dtype) for key in ("input", "pred", "pred_on_flipped")
    )
    skeleton = _with_sides(inputs, json.loads(str(arrays["config"])), "left", "right")
    unflipped = windows.flip(mirrored, skeleton)
    yield "input_flipped", windows.flip(inputs, skeleton), arrays["input_flipped"]
    yield "pred_unflipped", unflipped, arrays["pred_unflipped"]
    yield "average", (predicted + unflipped) / 2, arrays["average"]


def sliding_windows(arrays: Arrays, dtype: np.dtype) -> Pairs:
    """Yields the windows around each frame, by the product and by the reference."""
    sequence = arrays["sequence"].astype(dtype)
    receptive_field = json.loads(str(arrays["config"]))["receptive_field"]
    frames = np.arange(len(sequence))
    clip_of_frame, unknown = np.zeros_like(frames), np.zeros((1, 0))
    start, end = np.array([0]), np.array([len(sequence)])
    table = windows.FrameTable(
        sequence, sequence, clip_of_frame, start, end, unknown, unknown, start
    )
    yield (
        "windows",
        windows.gather_windows(table, frames, receptive_field)[0],
        arrays["windows"],
    )
    padded = reference_windows.pad_sequence(sequence, receptive_field)
    slid = np.stack([padded[i : i + receptive_field] for i in frames])
    yield "windows", slid, arrays["windows"]
