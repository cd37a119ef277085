"""Graphs of jaxpose for what golden files record of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.body import graphs
from jaxpose.body.skeletons import H36M_16, H36M_17, H36M_19, HUMANEVA_15, Skeleton
from jaxpose.errors import JaxposeError
from tests.golden_files import Arrays, Pairs

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
BY_JOINTS = {15: HUMANEVA_15, 16: H36M_16, 17: H36M_17, 19: H36M_19}


def skeleton_of(num_joints: int) -> Skeleton:
    """Returns the skeleton that golden files mean by a number of joints."""
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
                _gast_graph(
                    skeleton_of(config["num_joints"]), key.removeprefix("adj/")
                ),
                arrays[key],
            )


def adjacency(arrays: Arrays, dtype: np.dtype) -> Pairs:
    """Yields the graphs of a file that records nothing else."""
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
                    skeleton_of(int(joints[1:])), groups, NORMALISATIONS[normalisation]
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
                yield key, _gast_graph(skeleton_of(int(joints[1:])), name), arrays[key]


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
