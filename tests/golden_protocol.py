"""Values of jaxpose for each protocol file: (key, computed, recorded) by content."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jaxpose import metrics
from jaxpose.body import cameras, graphs
from jaxpose.body.skeletons import H36M_16, H36M_17, H36M_19, HUMANEVA_15, Skeleton
from jaxpose.data import augmentation, windows
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.errors import JaxposeError
from tests import golden_optimizers, reference_windows

Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, np.ndarray, np.ndarray]]

NORMALISATIONS = {
    "binary": "binary",
    "literal_zero_degree_gives_0": "literal",
    "own_degree_clamped_to_1": "clamped",
    "row_mean": "row_mean",
    "full_graph_normalised_then_split": "split",
}
GLA_GCN_GRAPHS = {
    "h36m": "h36m_17",
    "humaneva15": "humaneva_15",
    "he13_script_15": "humaneva_15_script",
}
# The joint groups of MPI-INF-3DHP's PCK and AUC, and the sequences of each scene (P.5).
MPI_INF_3DHP_JOINT_GROUPS = {
    "head": (0,),
    "neck": (1,),
    "shoulder": (2, 5),
    "elbow": (3, 6),
    "wrist": (4, 7),
    "hip": (8, 11),
    "knee": (9, 12),
    "ankle": (10, 13),
}
MPI_INF_3DHP_SCENES = {
    "GS": ("TS1", "TS2"),
    "noGS": ("TS3", "TS4"),
    "Outdoor": ("TS5", "TS6"),
}
BY_JOINTS = {15: HUMANEVA_15, 16: H36M_16, 17: H36M_17, 19: H36M_19}


def find(arrays: Arrays) -> Callable[[Arrays, np.dtype], Pairs]:
    """Returns the function for a file, by the start of a key that only its kind has.

    Raises:
      JaxposeError: no kind of protocol file has these keys.
    """
    for marker, function in KINDS.items():
        if any(key.startswith(marker) for key in arrays):
            return function
    raise JaxposeError(
        "neither a model nor a known protocol file; it holds "
        f"{', '.join(list(arrays)[:8])}"
    )


def _skeleton(num_joints: int) -> Skeleton:
    if num_joints not in BY_JOINTS:
        raise JaxposeError(f"no skeleton of {num_joints} joints")
    return BY_JOINTS[num_joints]


def model_graphs(config: Mapping[str, Any], arrays: Arrays) -> Pairs:
    """The graphs that a model file stores under `adj/`."""
    for key in arrays:
        if key == "adj/A":
            script = config["cls"].startswith("HE_13")
            found = graphs.gla_gcn_adjacency(
                GLA_GCN_GRAPHS["he13_script_15" if script else config["dataset"]]
            )
            yield key, found, arrays[key]
        elif key.startswith("adj/"):
            yield (
                key,
                _gast_graph(_skeleton(config["num_joints"]), key.removeprefix("adj/")),
                arrays[key],
            )


def _adjacency(arrays: Arrays, dtype: np.dtype) -> Pairs:
    for key in arrays:
        match key.split("/"):
            case ["ampose_derived", joints, name]:
                kind, normalisation = name.split("_", 1)
                groups = (
                    "self_closer_farther_mirror"
                    if kind == "symmetric"
                    else "self_closer_farther"
                )
                stack = graphs.neighbour_groups(
                    _skeleton(int(joints[1:])), groups, NORMALISATIONS[normalisation]
                )
                yield (
                    key,
                    stack[("self", "closer", "farther", "symmetric").index(kind)],
                    arrays[key],
                )
            case ["gla_gcn", name]:
                yield (
                    key,
                    graphs.gla_gcn_adjacency(GLA_GCN_GRAPHS[name.removesuffix("_f32")]),
                    arrays[key],
                )
            case ["gast", joints, name]:
                yield key, _gast_graph(_skeleton(int(joints[1:])), name), arrays[key]


def _gast_graph(skeleton: Skeleton, name: str) -> np.ndarray:
    physical = graphs.physical_adjacency(skeleton)
    match name:
        case "physical_row_normalised":
            return physical
        case "symmetric" | "symmetric_mask":
            mask = graphs.symmetric_mask(skeleton)
            return mask if name.endswith("mask") else mask.astype(float)
        case "connection_mask":
            return graphs.connection_mask(skeleton)
        case "connection":  # the reference stores the powers whose pattern the mask is
            distal = np.isin(
                np.arange(skeleton.num_joints), graphs.distal_joints(skeleton)
            )
            return np.where(distal[:, None], physical @ physical, physical)
        case "parents":
            return np.array(skeleton.parents)
        case "joints_left":
            return np.array(skeleton.left)
        case "joints_right":
            return np.array(skeleton.right)
    raise JaxposeError(f"unknown graph {name!r}")


def _metrics(arrays: Arrays, dtype: np.dtype) -> Pairs:
    inputs = [arrays[key].astype(dtype) for key in ("pred", "target", "weight")]

    def compute(
        predicted: np.ndarray, target: np.ndarray, weight: np.ndarray
    ) -> dict[str, Any]:
        sequence = (-1, *predicted.shape[-2:])
        weighted = weight * metrics.joint_errors(predicted, target)
        return {
            "mpjpe_per_pose": metrics.mpjpe_per_pose(predicted, target),
            "p_mpjpe_per_pose": metrics.p_mpjpe_per_pose(predicted, target),
            "mpjpe": metrics.mpjpe(predicted, target),
            "p_mpjpe": metrics.p_mpjpe(predicted, target),
            "n_mpjpe": metrics.n_mpjpe(predicted, target),
            "weighted_mpjpe": weighted.mean(),
            "mean_velocity_error_axis0": metrics.mpjve(
                predicted.reshape(sequence), target.reshape(sequence)
            ),
        }

    # By NumPy, and by JAX.
    for found in (compute(*inputs), jax.jit(compute)(*inputs)):
        for name, value in found.items():
            for key in (name, f"{name}_f64"):
                yield key, value, arrays[key]


def _camera(arrays: Arrays, dtype: np.dtype) -> Pairs:
    def get(key: str) -> np.ndarray:
        return arrays[key].astype(dtype)

    orientation, translation, params = (
        get("orientation"),
        get("translation"),
        get("camera_params"),
    )
    there = cameras.world_to_camera(get("world"), orientation, translation)
    yield "world_to_camera", there, arrays["world_to_camera"]
    back = cameras.camera_to_world(get("world"), orientation, translation)
    yield "camera_to_world", back, arrays["camera_to_world"]
    yield (
        "roundtrip",
        cameras.camera_to_world(there, orientation, translation),
        arrays["roundtrip"],
    )
    yield (
        "qrot",
        cameras.quaternion_rotate(get("qrot_q"), get("qrot_v")),
        arrays["qrot"],
    )
    yield "qinverse", cameras.quaternion_inverse(get("qrot_q")), arrays["qinverse"]
    intrinsics = np.concatenate([get("raw_focal_length"), get("raw_center")], axis=-1)
    sizes = [tuple(size) for size in arrays["resolution_wh"].tolist()]
    vectors = [
        cameras.normalized_intrinsics(row, lens, size)
        for row, lens, size in zip(intrinsics, params[:, 4:], sizes, strict=True)
    ]
    yield "camera_params", np.stack(vectors), arrays["camera_params"]
    projected = cameras.project(get("project_input"), params)
    yield "project_to_2d", projected, arrays["project_to_2d"]
    yield "project_to_2d_f64", projected, arrays["project_to_2d_f64"]
    linear = cameras.project_linear(get("project_input"), params)
    yield "project_to_2d_linear", linear, arrays["project_to_2d_linear"]
    pixels = get("pixels")
    for key in arrays:
        if key.startswith("normalized_"):
            name = key.removeprefix("normalized_")
            width, height = map(int, name.split("x"))
            yield (
                key,
                cameras.normalize_screen_coordinates(pixels, (width, height)),
                arrays[key],
            )
            inverse = cameras.image_coordinates(get(key), (width, height))
            yield (
                f"image_coordinates_{name}",
                inverse,
                arrays[f"image_coordinates_{name}"],
            )


def _generators(arrays: Arrays, dtype: np.dtype) -> Pairs:
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
    skeleton = _skeleton(joints.shape[-2])
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


def _flip_average(arrays: Arrays, dtype: np.dtype) -> Pairs:
    inputs, predicted, mirrored = (
        arrays[key].astype(dtype) for key in ("input", "pred", "pred_on_flipped")
    )
    skeleton = _with_sides(inputs, json.loads(str(arrays["config"])), "left", "right")
    unflipped = windows.flip(mirrored, skeleton)
    yield "input_flipped", windows.flip(inputs, skeleton), arrays["input_flipped"]
    yield "pred_unflipped", unflipped, arrays["pred_unflipped"]
    yield "average", (predicted + unflipped) / 2, arrays["average"]


def _mpi_inf_3dhp(arrays: Arrays, dtype: np.dtype) -> Pairs:
    yield "thresholds_mm", np.array(metrics.AUC_THRESHOLDS_MM), arrays["thresholds_mm"]
    groups = [list(joints) for joints in MPI_INF_3DHP_JOINT_GROUPS.values()]
    groups.append(list(facts.PCK_JOINTS))
    curves = {"pck": metrics.pck_per_pose, "auc": metrics.auc_per_pose}
    errors = {"probe": arrays["probe/error"].astype(dtype)}
    for take in sorted({key.split("/")[0] for key in arrays if key.endswith("/annot")}):
        valid = arrays[f"{take}/valid"]
        annotation, predicted = (
            arrays[f"{take}/annot"][valid],
            arrays[f"{take}/pred_root_relative"][valid],
        )
        target = windows.root_centre(annotation, 14)
        predicted[:, 14] = 0
        errors[take] = np.asarray(
            metrics.joint_errors(predicted.astype(dtype), target.astype(dtype))
        )
        yield f"{take}/error", errors[take], arrays[f"{take}/error"]
    errors["All"] = np.concatenate([errors[take] for take in errors if take != "probe"])
    for scene, takes in MPI_INF_3DHP_SCENES.items():
        pooled = np.concatenate([errors[take] for take in takes])[:, groups[-1]]
        for name, curve in curves.items():
            yield (
                f"{scene}/{name}_total",
                100 * curve(pooled).mean(),
                arrays[f"{scene}/{name}_total"],
            )
    for take, millimetres in errors.items():
        for name, curve in curves.items():
            found = np.array(
                [100 * curve(millimetres[:, joints]).mean() for joints in groups]
            )
            yield f"{take}/{name}", found, arrays[f"{take}/{name}"]
        if take != "probe":
            yield f"{take}/mpjpe", millimetres.mean(), arrays[f"{take}/mpjpe"]
            yield (
                f"{take}/mpjpe_per_joint",
                millimetres.mean(0),
                arrays[f"{take}/mpjpe_per_joint"],
            )
    for name, curve in curves.items():
        yield (
            f"All/{name}_all17",
            100 * curve(errors["All"]).mean(),
            arrays[f"All/{name}_all17"],
        )


def _back_projection(arrays: Arrays, dtype: np.dtype) -> Pairs:
    uv, depth, truth, camera = (
        arrays[key].astype(dtype)
        for key in ("uv", "depth_root_relative", "root_and_gt", "camera")
    )
    found = cameras.back_project(uv, depth[..., 0], truth[..., 0, 2], camera)
    yield "xyz_root_relative", found, arrays["xyz_root_relative"]


def _target_moves(arrays: Arrays, dtype: np.dtype) -> Pairs:
    for key in arrays:
        if key.startswith("out_a"):
            degrees, scale = map(float, key.removeprefix("out_a").split("_s"))
            found = augmentation.move_in_image_plane(
                arrays["target"].astype(dtype), degrees, scale
            )
            yield key, found, arrays[key]


def _sliding_windows(arrays: Arrays, dtype: np.dtype) -> Pairs:
    sequence = arrays["sequence"].astype(dtype)
    receptive_field = json.loads(str(arrays["config"]))["receptive_field"]
    frames = np.arange(len(sequence))
    clip_of_frame, unknown = np.zeros_like(frames), np.zeros((1, 0))
    start, end = np.array([0]), np.array([len(sequence)])
    table = windows.FrameTable(
        sequence, sequence, clip_of_frame, start, end, unknown, unknown
    )
    yield (
        "windows",
        windows.gather_windows(table, frames, receptive_field)[0],
        arrays["windows"],
    )
    padded = reference_windows.pad_sequence(sequence, receptive_field)
    slid = np.stack([padded[i : i + receptive_field] for i in frames])
    yield "windows", slid, arrays["windows"]


def _protocol_average(arrays: Arrays, dtype: np.dtype) -> Pairs:
    actions = json.loads(str(arrays["config"]))["actions"]
    totals = np.zeros(len(actions))
    counts = np.zeros(len(actions), int)
    for i, action in enumerate(actions):
        frames = arrays[f"{action}/sequence_frames"]
        totals[i] = (arrays[f"{action}/sequence_error"] * frames).sum()
        counts[i] = frames.sum()
    average = metrics.group_average(totals, counts)
    yield "per_action", average.per_group, arrays["per_action"]
    yield "average", np.array(average.average), arrays["average"]
    rounded = arrays["average_rounded_1_decimal"]
    yield "average_rounded_1_decimal", np.round(average.average, 1), rounded


def _optimizers(arrays: Arrays, dtype: np.dtype) -> Pairs:
    return golden_optimizers.optimizer_pairs(arrays)


def _schedules(arrays: Arrays, dtype: np.dtype) -> Pairs:
    return golden_optimizers.schedule_pairs(arrays)


KINDS: dict[str, Callable[[Arrays, np.dtype], Pairs]] = {
    "ampose_derived/": _adjacency,
    "p_mpjpe_per_pose": _metrics,
    "project_to_2d": _camera,
    "chunked": _generators,
    "pred_on_flipped": _flip_average,
    "thresholds_mm": _mpi_inf_3dhp,
    "depth_root_relative": _back_projection,
    "out_a": _target_moves,
    "windows": _sliding_windows,
    "per_action": _protocol_average,
    "grads/": _optimizers,
    "bn_momentum": _schedules,
}
