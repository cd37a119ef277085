"""Rules between joint sets: copies are exact, other joints follow their stated rule."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body.joint_rules import JOINT_RULES, convert_joints, has_rule
from jaxpose.body.skeletons import SKELETONS, get_skeleton
from jaxpose.errors import JaxposeError

PAIRS = pytest.mark.parametrize("source, target", JOINT_RULES)


def random_positions(skeleton: str, dims: int = 3) -> np.ndarray:
    return np.random.RandomState(0).randn(2, 5, get_skeleton(skeleton).num_joints, dims)


def means_of(positions, rows):
    """Returns for each row the mean of the joints that it lists."""
    return np.stack([positions[..., row, :].mean(-2) for row in rows], axis=-2)


def joint(positions, skeleton: str, name: str):
    return positions[..., get_skeleton(skeleton).joints.index(name), :]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=str)
def test_skeletons_are_consistent(skeleton):
    assert len(set(skeleton.joints)) == skeleton.num_joints
    assert len(skeleton.left) == len(skeleton.right)
    for left, right in zip(skeleton.left, skeleton.right, strict=True):
        assert skeleton.joints[left].replace("left", "right") == skeleton.joints[right]
    assert len(skeleton.parents) in (0, skeleton.num_joints)
    for child, _ in skeleton.bones:
        seen = set()
        while skeleton.parents[child] != -1:
            assert child not in seen
            seen.add(child)
            child = skeleton.parents[child]


@PAIRS
@pytest.mark.parametrize("dims", [2, 3])
def test_shapes_and_numpy_equals_jax(source, target, dims):
    positions = random_positions(source, dims).astype(np.float32)
    converted = convert_joints(positions, source, target)
    assert isinstance(converted, np.ndarray)
    assert converted.shape == (2, 5, get_skeleton(target).num_joints, dims)
    assert converted.dtype == np.float32
    np.testing.assert_allclose(
        convert_joints(jnp.asarray(positions), source, target),
        converted,
        rtol=1e-6,
        atol=1e-6,
    )


@PAIRS
def test_joints_of_the_same_name_are_copied_exactly(source, target):
    positions = random_positions(source)
    converted = convert_joints(positions, source, target)
    shared = [
        name
        for name in get_skeleton(target).joints
        if name in get_skeleton(source).joints
    ]
    if "mpi_inf_3dhp_17" in (source, target) and "h36m_17" in (source, target):
        # 3DHP's "head" is the middle of the head, Human3.6M's the crown.
        shared.remove("head")
    if source == "h36m_32":
        # Marker 14 is "Neck/Nose"; the crown is its end site.
        shared.remove("head")
    for name in shared:
        np.testing.assert_array_equal(
            joint(converted, target, name), joint(positions, source, name)
        )
    if source != "h36m_32" and source != "humaneva_20":
        limbs = [
            f"{side}_{part}"
            for side in ("left", "right")
            for part in ("elbow", "wrist", "knee", "ankle")
        ]
        assert set(limbs) <= set(shared)


@PAIRS
def test_converting_commutes_with_mirroring(source, target):
    positions = random_positions(source)
    mirrored = positions[..., get_skeleton(source).mirror, :] * [-1.0, 1.0, 1.0]
    converted = convert_joints(positions, source, target)
    expected = converted[..., get_skeleton(target).mirror, :] * [-1.0, 1.0, 1.0]
    found = convert_joints(mirrored, source, target)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@PAIRS
def test_rules_are_affine(source, target):
    """Every rule's weights sum to one, so a translated person stays the same person."""
    positions = random_positions(source)
    shift = np.array([3.0, -2.0, 7.0])
    moved = convert_joints(positions + shift, source, target)
    np.testing.assert_allclose(
        moved, convert_joints(positions, source, target) + shift, atol=1e-12
    )


@pytest.mark.parametrize("target, dropped", [
    ("h36m_17", (4, 5, 9, 10, 11, 16, *range(20, 25), *range(28, 32))),
    ("h36m_16", (4, 5, 9, 10, 11, 14, 16, *range(20, 25), *range(28, 32))),
    ("h36m_19", (5, 10, 11, 16, *range(20, 25), *range(28, 32))),
])  # fmt: skip
def test_human36m_markers_dropped_by_the_protocol(target, dropped):
    positions = random_positions("h36m_32")
    np.testing.assert_array_equal(
        convert_joints(positions, "h36m_32", target),
        np.delete(positions, dropped, axis=-2),
    )


def test_cuts_of_human36m_agree():
    positions = random_positions("h36m_32")
    joints_19 = convert_joints(positions, "h36m_32", "h36m_19")
    joints_17 = convert_joints(positions, "h36m_32", "h36m_17")
    joints_16 = convert_joints(positions, "h36m_32", "h36m_16")
    np.testing.assert_array_equal(
        convert_joints(joints_19, "h36m_19", "h36m_17"), joints_17
    )
    np.testing.assert_array_equal(
        convert_joints(joints_19, "h36m_19", "h36m_16"), joints_16
    )
    np.testing.assert_array_equal(
        convert_joints(joints_17, "h36m_17", "h36m_16"), joints_16
    )


def test_mpi_inf_3dhp_relevant_joints():
    positions = random_positions("mpi_inf_3dhp_28")
    order = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]
    np.testing.assert_array_equal(
        convert_joints(positions, "mpi_inf_3dhp_28", "mpi_inf_3dhp_17"),
        positions[..., order, :],
    )


def test_mpi_inf_3dhp_to_human36m_is_the_cross_dataset_mapping():
    positions = random_positions("mpi_inf_3dhp_17")
    order = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
    converted = convert_joints(positions, "mpi_inf_3dhp_17", "h36m_17")
    np.testing.assert_array_equal(converted, positions[..., order, :])
    np.testing.assert_array_equal(
        convert_joints(converted, "h36m_17", "mpi_inf_3dhp_17"), positions
    )


def test_coco_to_humaneva():
    positions = random_positions("coco_17", 2)
    converted = convert_joints(positions, "coco_17", "humaneva_15")
    rows = [
        [11, 12], [5, 6], [5], [7], [9], [6], [8], [10], [11], [13], [15], [12], [14],
        [16], [0],
    ]  # fmt: skip
    np.testing.assert_allclose(converted, means_of(positions, rows), rtol=1e-15)


def test_halpe_to_human36m():
    positions = random_positions("halpe_26", 2)
    rows = [
        [19], [12], [14], [16], [11], [13], [15], [18, 19], [18], [0], [17], [5], [7],
        [9], [6], [8], [10],
    ]  # fmt: skip
    converted = convert_joints(positions, "halpe_26", "h36m_17")
    np.testing.assert_allclose(converted, means_of(positions, rows), rtol=1e-15)


def test_coco_body25_and_halpe_agree_on_the_same_person():
    # A Halpe person whose hip and neck are the means that OpenPose defines.
    halpe = random_positions("halpe_26", 2)
    halpe[..., 18, :] = (halpe[..., 5, :] + halpe[..., 6, :]) / 2
    halpe[..., 19, :] = (halpe[..., 11, :] + halpe[..., 12, :]) / 2
    rename = {"mid_hip": "hip"}
    body_25 = np.stack(
        [
            joint(halpe, "halpe_26", rename.get(name, name))
            for name in get_skeleton("body_25").joints
        ],
        axis=-2,
    )
    from_halpe = convert_joints(halpe, "halpe_26", "h36m_17")
    from_coco = convert_joints(halpe[..., :17, :], "coco_17", "h36m_17")
    from_body_25 = convert_joints(body_25, "body_25", "h36m_17")
    np.testing.assert_allclose(from_body_25, from_coco, atol=1e-14)
    crown = get_skeleton("h36m_17").joints.index("head")
    np.testing.assert_allclose(
        np.delete(from_halpe, crown, -2), np.delete(from_coco, crown, -2), atol=1e-14
    )


def test_crown_lies_beyond_the_ears():
    coco = np.zeros((17, 2))
    coco[[5, 6], 1] = 100.0  # shoulders 100 px below the ears
    assert convert_joints(coco, "coco_17", "h36m_17")[10].tolist() == [0.0, -70.0]


def test_mpii_to_human36m():
    positions = random_positions("mpii_16", 2)
    rows = [
        [6], [2], [1], [0], [3], [4], [5], [6, 7], [7], [8], [9], [13], [14], [15],
        [12], [11], [10],
    ]  # fmt: skip
    converted = convert_joints(positions, "mpii_16", "h36m_17")
    np.testing.assert_allclose(converted, means_of(positions, rows), rtol=1e-15)


def test_humaneva_20_to_15():
    positions = random_positions("humaneva_20")
    rows = [
        [0], [1, 2], [3], [4, 5], [6], [7], [8, 9], [10],
        [11], [12, 13], [14], [15], [16, 17], [18], [19],
    ]  # fmt: skip
    converted = convert_joints(positions, "humaneva_20", "humaneva_15")
    np.testing.assert_allclose(converted, means_of(positions, rows), rtol=1e-15)


def test_missing_keypoints_touch_only_the_joints_made_of_them():
    coco = random_positions("coco_17", 2)
    coco[..., 3, :] = np.nan  # left ear
    converted = convert_joints(coco, "coco_17", "h36m_17")
    missing = np.isnan(converted).any(axis=(0, 1, 3))
    head = get_skeleton("h36m_17").joints.index("head")
    assert np.flatnonzero(missing).tolist() == [head]


def test_pairs_without_a_rule_go_through_human36m():
    positions = random_positions("coco_17", 2)
    expected = convert_joints(
        convert_joints(positions, "coco_17", "h36m_17"), "h36m_17", "h36m_16"
    )
    np.testing.assert_array_equal(
        convert_joints(positions, "coco_17", "h36m_16"), expected
    )
    assert convert_joints(positions, "coco_17", "coco_17") is positions


def test_refusals_name_both_skeletons():
    with pytest.raises(JaxposeError, match=r"'humaneva_15' to 'h36m_17'"):
        convert_joints(random_positions("humaneva_15"), "humaneva_15", "h36m_17")
    message = r"\(2, 5, 16, 3\) is not in skeleton 'coco_17'"
    with pytest.raises(JaxposeError, match=message):
        convert_joints(random_positions("h36m_16"), "coco_17", "h36m_17")
    message = r"\(2, 5, 17, 3\) is not in skeleton 'h36m_32'"
    with pytest.raises(JaxposeError, match=message):
        convert_joints(random_positions("h36m_17"), "h36m_32", "h36m_17")


def test_a_rule_is_known_before_it_is_tried():
    for source, target in itertools.product(SKELETONS, SKELETONS):
        zeros = np.zeros((1, SKELETONS[source].num_joints, 2))
        try:
            convert_joints(zeros, source, target)
        except JaxposeError:
            assert not has_rule(source, target)
        else:
            assert has_rule(source, target)
