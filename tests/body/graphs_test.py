"""Graph matrices: goldens, published sizes, and what each normalisation means."""

import numpy as np
import pytest

from jaxpose.body import graphs
from jaxpose.body.skeletons import (
    COCO_17,
    H36M_16,
    H36M_17,
    H36M_19,
    HUMANEVA_15,
    MPI_INF_3DHP_17,
    SKELETONS,
)
from jaxpose.errors import JaxposeError
from tests.shared import shared_path

BY_JOINTS = {15: HUMANEVA_15, 16: H36M_16, 17: H36M_17, 19: H36M_19}
GOLDEN_NORMALISATIONS = {
    "binary": "binary",
    "literal": "literal_zero_degree_gives_0",
    "clamped": "own_degree_clamped_to_1",
    "row_mean": "row_mean",
    "split": "full_graph_normalised_then_split",
}


@pytest.fixture(scope="module")
def golden():
    with np.load(shared_path("goldens/adjacency.npz")) as arrays:
        yield arrays


@pytest.mark.parametrize("num_joints", [16, 17])
@pytest.mark.parametrize("normalisation", graphs.NORMALISATIONS)
def test_neighbour_groups_match_golden(golden, num_joints, normalisation):
    groups = graphs.neighbour_groups(
        BY_JOINTS[num_joints], "self_closer_farther", normalisation
    )
    suffix = GOLDEN_NORMALISATIONS[normalisation]
    stem = f"ampose_derived/J{num_joints}"
    for k, kind in enumerate(("self", "closer", "farther")):
        np.testing.assert_allclose(
            groups[k], golden[f"{stem}/{kind}_{suffix}"], atol=1e-15
        )
    if normalisation != "split":
        four = graphs.neighbour_groups(
            BY_JOINTS[num_joints], "self_closer_farther_mirror", normalisation
        )
        np.testing.assert_allclose(
            four[3], golden[f"{stem}/symmetric_{suffix}"], atol=1e-15
        )


@pytest.mark.parametrize("groups", graphs.NEIGHBOUR_GROUPS)
def test_groups_cover_the_same_neighbours_once(groups):
    masks = graphs.neighbour_masks(H36M_17)
    kinds = {kind for group in graphs.NEIGHBOUR_GROUPS[groups] for kind in group}
    stack = graphs.neighbour_groups(H36M_17, groups, "binary")
    assert stack.shape == (len(graphs.NEIGHBOUR_GROUPS[groups]), 17, 17)
    expected = sum(masks[kind].astype(int) for kind in kinds)
    np.testing.assert_array_equal(stack.sum(0), expected)


def test_merged_groups_are_normalised_after_merging():
    # The hip has 3 children and no parent, its child 1 parent and 1 child.
    clamped = graphs.neighbour_groups(H36M_17, "self_closer+farther", "clamped")[1]
    assert clamped[0, 1] == clamped[1, 0] == pytest.approx(1 / np.sqrt(3 * 2))
    means = graphs.neighbour_groups(H36M_17, "self_closer+farther", "row_mean")[1]
    assert means.sum(1) == pytest.approx(1)


def test_default_weighs_children_by_the_parents_degree():
    _, closer, farther = graphs.neighbour_groups(H36M_17)
    assert set(np.unique(closer)) == {0.0, 1.0}
    # The hip has three children; the child has one of its own.
    assert farther[0, 1] == pytest.approx(1 / np.sqrt(3))
    assert farther[2, 3] == 1  # a leaf still reaches its parent


@pytest.mark.parametrize("num_joints", BY_JOINTS)
def test_gast_masks_match_golden(golden, num_joints):
    skeleton, stem = BY_JOINTS[num_joints], f"gast/J{num_joints}"
    np.testing.assert_array_equal(skeleton.parents, golden[f"{stem}/parents"])
    np.testing.assert_allclose(
        graphs.physical_adjacency(skeleton),
        golden[f"{stem}/physical_row_normalised"],
        rtol=1e-7,
    )
    np.testing.assert_array_equal(
        graphs.symmetric_mask(skeleton), golden[f"{stem}/symmetric_mask"]
    )
    np.testing.assert_array_equal(
        graphs.connection_mask(skeleton), golden[f"{stem}/connection_mask"]
    )


def test_gast_masks_of_17_joints_have_the_published_sizes():
    assert graphs.symmetric_mask(H36M_17).sum() == 29
    assert graphs.connection_mask(H36M_17).sum() == 54
    assert graphs.distal_joints(H36M_17) == (3, 6, 10, 13, 16)
    assert graphs.distal_joints(MPI_INF_3DHP_17) == (0, 4, 7, 10, 13, 16)


@pytest.mark.parametrize(
    ("graph", "key"),
    [
        ("h36m_17", "h36m"),
        ("humaneva_15", "humaneva15"),
        ("humaneva_15_script", "he13_script_15"),
    ],
)
def test_gla_gcn_adjacency_matches_golden(golden, graph, key):
    adjacency = graphs.gla_gcn_adjacency(graph)
    assert adjacency.dtype == np.float64
    np.testing.assert_array_equal(adjacency, golden[f"gla_gcn/{key}_f32"])
    np.testing.assert_allclose(adjacency, golden[f"gla_gcn/{key}"], rtol=1e-7)


@pytest.mark.parametrize(
    "name", [name for name, skeleton in SKELETONS.items() if skeleton.parents]
)
def test_gla_gcn_columns_sum_to_one_or_zero(name):
    sums = graphs.gla_gcn_adjacency(name).sum(1)
    assert np.all(np.isclose(sums, 1, atol=1e-7) | (sums == 0))
    if name != "humaneva_15":  # its links do not all lead to the root
        without_links = np.flatnonzero(sums[1] == 0)
        np.testing.assert_array_equal(without_links, SKELETONS[name].root)


def test_unknown_names_are_refused():
    with pytest.raises(JaxposeError, match="self_closer_farther"):
        graphs.neighbour_groups(H36M_17, "all")
    with pytest.raises(JaxposeError, match="clamped"):
        graphs.neighbour_groups(H36M_17, normalisation="none")
    with pytest.raises(JaxposeError, match="2D keypoint layout"):
        graphs.gla_gcn_adjacency(COCO_17.name)
