"""Values of jaxpose for each protocol file: (key, computed, recorded) by content."""

import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxpose import metrics
from jaxpose.body import cameras
from jaxpose.data import augmentation, windows
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.errors import JaxposeError
from jaxpose.scoring import evaluate
from tests import golden_graphs, golden_optimizers, golden_windows
from tests.golden_files import Arrays, Pairs

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


def _protocol_average(arrays: Arrays, dtype: np.dtype) -> Pairs:
    actions = json.loads(str(arrays["config"]))["actions"]
    totals = np.zeros(len(actions))
    counts = np.zeros(len(actions), int)
    for i, action in enumerate(actions):
        frames = arrays[f"{action}/sequence_frames"]
        totals[i] = (arrays[f"{action}/sequence_error"] * frames).sum()
        counts[i] = frames.sum()
    average = evaluate.group_average(totals, counts)
    yield "per_action", average.per_group, arrays["per_action"]
    yield "average", np.array(average.average), arrays["average"]
    rounded = arrays["average_rounded_1_decimal"]
    yield "average_rounded_1_decimal", np.round(average.average, 1), rounded


def _optimizers(arrays: Arrays, dtype: np.dtype) -> Pairs:
    return golden_optimizers.optimizer_pairs(arrays)


def _schedules(arrays: Arrays, dtype: np.dtype) -> Pairs:
    return golden_optimizers.schedule_pairs(arrays)


KINDS: dict[str, Callable[[Arrays, np.dtype], Pairs]] = {
    "ampose_derived/": golden_graphs.adjacency,
    "p_mpjpe_per_pose": _metrics,
    "project_to_2d": _camera,
    "chunked": golden_windows.generators,
    "pred_on_flipped": golden_windows.flip_average,
    "thresholds_mm": _mpi_inf_3dhp,
    "depth_root_relative": _back_projection,
    "out_a": _target_moves,
    "windows": golden_windows.sliding_windows,
    "per_action": _protocol_average,
    "grads/": _optimizers,
    "bn_momentum": _schedules,
}
