"""Acclaim files: parsing, kinematics of hand-made and real motion, and bad input."""

import gzip

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets.acclaim import asf_amc
from jaxpose.datasets.acclaim.archives import Take, find_takes, open_archives
from jaxpose.datasets.acclaim.builder import read_positions, read_skeleton
from jaxpose.datasets.acclaim.motion import JOINT_BONES, joints, to_z_up
from jaxpose.datasets.cmu_mocap.cmu_mocap_dataset_builder import Builder
from jaxpose.errors import JaxposeError
from tests.datasets.small_cmu import amc_text, asf_text
from tests.shared import shared_path

INCH = 0.0254


@pytest.fixture(scope="module")
def takes() -> dict[str, Take]:
    archive = shared_path("data/cmu/allasfamc.zip")
    found = find_takes(open_archives([archive], Builder.FILES), Builder.FILES, [])
    return {take.name: take for take in found}


def _of_subject(takes: dict[str, Take]) -> dict[str, Take]:
    return {take.subject: take for take in takes.values()}


def _read(take: Take) -> tuple[asf_amc.AcclaimSkeleton, np.ndarray]:
    skeleton = read_skeleton(take)
    return skeleton, read_positions(take, skeleton)


def test_euler_rotation_turns_about_x_then_y_then_z():
    def about(axis: int, degrees: float) -> np.ndarray:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        matrix = np.eye(3)
        matrix[i, i], matrix[j, j], matrix[j, i], matrix[i, j] = c, c, s, -s
        return matrix

    expected = about(2, 70) @ about(1, -20) @ about(0, 35)
    np.testing.assert_allclose(
        asf_amc.euler_rotation(np.array([35.0, -20.0, 70.0])), expected, atol=1e-12
    )


def test_kinematics_of_two_bones_by_hand():
    text = asf_text()
    skeleton = asf_amc.parse_asf(text, "x.asf")
    motion = asf_amc.parse_amc(
        amc_text(1, {"lfemur": (0.0, 0.0, 90.0)}), skeleton, "x.amc"
    )
    ends = asf_amc.bone_ends(skeleton, motion, ("lhipjoint", "lfemur", "ltibia"))
    unit = INCH / 0.45
    root = np.array([1.0, 17.0, 3.0])
    hip = root + np.array([2.0, 0, 0])
    # lfemur points down and its axis is turned by 20 degrees about z: a turn about z
    # stays what it is.
    knee = hip + 7 * np.array([1.0, 0, 0])
    ankle = knee + 8 * np.array([1.0, 0, 0])
    np.testing.assert_allclose(ends["lhipjoint"][0], hip * unit, atol=1e-9)
    np.testing.assert_allclose(ends["lfemur"][0], knee * unit, atol=1e-9)
    np.testing.assert_allclose(ends["ltibia"][0], ankle * unit, atol=1e-9)


def test_a_bones_own_axis_conjugates_its_rotation():
    skeleton = asf_amc.parse_asf(asf_text(), "x.asf")
    motion = asf_amc.parse_amc(
        amc_text(1, {"lfemur": (30.0, 0.0, 0.0)}), skeleton, "x.amc"
    )
    ends = asf_amc.bone_ends(skeleton, motion, ("lhipjoint", "lfemur"))
    axis, turn = (
        asf_amc.euler_rotation(np.array([0, 0, 20.0])),
        asf_amc.euler_rotation(np.array([30.0, 0, 0])),
    )
    expected = axis @ turn @ np.linalg.inv(axis) @ np.array([0, -7.0, 0]) * INCH / 0.45
    np.testing.assert_allclose(
        ends["lfemur"][0] - ends["lhipjoint"][0], expected, atol=1e-12
    )


def test_carriage_returns_and_tiny_numbers_are_read():
    skeleton = asf_amc.parse_asf(asf_text().replace("\n", "\r\n"), "x.asf")
    text = amc_text(3, {"rclavicle": (1.39149e-15, -2e-15)}).replace("\n", "\r\n")
    motion = asf_amc.parse_amc(text, skeleton, "x.amc")
    assert motion["rclavicle"].shape == (3, 2)
    assert motion["root"].shape == (3, 6)


@pytest.mark.parametrize("take", ["01_01", "07_01", "49_08", "135_04"])
def test_real_bones_keep_their_length_and_the_person_is_upright(takes, take):
    skeleton, positions = _read(takes[take])
    child, parent = np.array(H36M_17.bones).T
    lengths = np.linalg.norm(positions[:, child] - positions[:, parent], axis=-1)
    single = [
        H36M_17.joints[joint].endswith(("knee", "ankle", "elbow")) for joint in child
    ]
    assert np.ptp(lengths[:, single], axis=0).max() < 1e-9
    spine = lengths[
        :, H36M_17.joints.index("spine") - 1
    ]  # from the middle of the hips: two bones
    assert 0 < spine.std() < 0.010
    knee = np.linalg.norm(skeleton.bones["lfemur"].offset)
    np.testing.assert_allclose(lengths[:, [list(child).index(5)]], knee, rtol=1e-9)


def test_real_subjects_have_human_stature_and_stand_upright(takes):
    for subject, take in _of_subject(takes).items():
        skeleton = read_skeleton(take)
        zero = {"root": np.zeros((1, 6))}
        zero |= {
            name: np.zeros((1, len(bone.dof)))
            for name, bone in skeleton.bones.items()
            if bone.dof
        }
        positions = to_z_up(joints(skeleton, zero))[0]
        stature = np.ptp(positions[:, 2]) + 0.08  # ankles to the floor
        assert 1.5 < stature < 1.85, subject
        by_name = dict(zip(H36M_17.joints, positions, strict=True))
        assert (
            by_name["head"][2]
            > by_name["thorax"][2]
            > by_name["hip"][2]
            > by_name["left_knee"][2]
        )
        assert (
            by_name["left_hip"][0] > 0 > by_name["right_hip"][0]
        )  # facing the file's z


def test_walking_faces_the_way_it_goes(takes):
    _, positions = _read(takes["07_01"])
    positions = to_z_up(positions)
    way = positions[-1, 0, :2] - positions[0, 0, :2]
    across = positions[:, 1] - positions[:, 4]  # from the left hip to the right
    forward = np.cross([0, 0, 1.0], across)[:, :2].mean(axis=0)
    cosine = way @ forward / np.linalg.norm(way) / np.linalg.norm(forward)
    assert cosine > 0.9
    assert 0.0 < positions[:, [3, 6], 2].min() < 0.12  # ankles near the floor


@pytest.mark.parametrize(
    ("fixture", "subject", "frame"), [("07_12", "07", 245), ("64_01", "13", 444)]
)
def test_truncated_motion_names_file_and_frame(takes, fixture, subject, frame):
    path = shared_path(f"data/cmu/malformed/{fixture}_truncated.amc.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    skeleton = read_skeleton(_of_subject(takes)[subject])
    with pytest.raises(
        JaxposeError, match=rf"{fixture}\.amc, frame {frame}: .*truncated"
    ):
        asf_amc.parse_amc(text, skeleton, f"{fixture}.amc")


BAD_MOTION = {
    "cut inside a number list": (
        lambda text: text[: text.rindex(" ")],
        "line .* frame 7",
    ),
    "cut inside a frame": (
        lambda text: text[: text.rindex("lfemur")],
        "frame 7: .*truncated",
    ),
    "not a number": (
        lambda text: text.replace("ltibia 0.0", "ltibia x", 1),
        "frame 1: ltibia is 'x'",
    ),
    "not finite": (
        lambda text: text.replace("ltibia 0.0", "ltibia nan", 1),
        "ltibia is 'nan'.* 1 finite",
    ),
    "a value too many": (
        lambda text: text.replace("ltibia 0.0", "ltibia 0.0 0.0", 1),
        "expected 1 finite",
    ),
    "unknown bone": (lambda text: text.replace("ltibia", "tail"), "found 'tail'"),
    "a bone is missing": (
        lambda text: text.replace("ltibia 0.0\n", "", 1),
        "lacks ltibia",
    ),
    "no bone anywhere": (lambda text: text.replace("ltibia 0.0\n", ""), "lacks ltibia"),
    "frame left out": (
        lambda text: text.replace("\n3\n", "\n4\n"),
        "frame 4 follows; expected 3",
    ),
    # Python reads no number of so many digits.
    "frame number of 5,000 digits": (
        lambda text: text.replace("\n3\n", f"\n{'9' * 5000}\n"),
        r"frame 9{197}\.\.\. follows; expected 3",
    ),
    "no frames": (lambda text: text[: text.index("\n1\n")], "no frames"),
    "radians": (
        lambda text: text.replace(":DEGREES", ":RADIANS"),
        "no line ':DEGREES'",
    ),
    "empty": (lambda text: "", "no line ':DEGREES'"),
}


@pytest.mark.parametrize("name", BAD_MOTION)
def test_bad_motion(name):
    damage, message = BAD_MOTION[name]
    skeleton = asf_amc.parse_asf(asf_text(), "x.asf")
    with pytest.raises(JaxposeError, match=rf"^x\.amc.*{message}"):
        asf_amc.parse_amc(damage(amc_text(7)), skeleton, "x.amc")


BAD_SKELETON = {
    "empty": ("", "", "no section :units, :root, :bonedata, :hierarchy"),
    "radians": ("angle deg", "angle rad", "degrees"),
    "no length unit": ("length 0.45", "size 0.45", "no field 'length'"),
    "zero length unit": ("length 0.45", "length 0", "positive"),
    "direction not finite": (
        "direction 1.0 0.0 0.0",
        "direction nan 0.0 0.0",
        "direction is 'nan 0.0 0.0'",
    ),
    "length not a number": (
        "length 7.0",
        "length seven",
        "bone 'lfemur' length is 'seven'",
    ),
    "other axis order": ("axis 0 0 20 XYZ", "axis 0 0 20 ZYX", "'ZYX'"),
    "axis without order": ("axis 0 0 20 XYZ", "axis", "x y z XYZ"),
    "degree of freedom twice": (
        "dof rx ry rz",
        "dof rx ry rx",
        "expected x y z XYZ, and rx, ry, rz",
    ),
    "bone with two parents": (
        "rfemur rtibia\n",
        "rfemur rtibia ltibia\n",
        "'ltibia', twice",
    ),
    "unknown degree of freedom": (
        "dof rx ry rz",
        "dof rx ry l",
        "expected x y z XYZ, and rx, ry, rz",
    ),
    "hierarchy names a stranger": (
        "lfemur ltibia\n",
        "lfemur tail\n",
        "'tail', which :bonedata lacks",
    ),
    "child before its parent": ("root lhipjoint", "nowhere lhipjoint", "'nowhere'"),
}


_TEXTS = (asf_text(), amc_text(3))


@hypothesis.settings(max_examples=150, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    which=st.integers(0, 1),
    start=st.floats(0, 1),
    length=st.integers(0, 40),
    new=st.text("0189.-:#rxyz \n\u00b2nan", max_size=6),
)
def test_damaged_text_gives_finite_joints_or_the_projects_error(
    which, start, length, new
):
    texts = list(_TEXTS)
    position = int(start * len(texts[which]))
    texts[which] = texts[which][:position] + new + texts[which][position + length :]
    try:
        skeleton = asf_amc.parse_asf(texts[0], "x.asf")
        motion = asf_amc.parse_amc(texts[1], skeleton, "x.amc")
    except JaxposeError:
        return
    if set(JOINT_BONES) <= set(skeleton.bones):
        assert np.isfinite(joints(skeleton, motion)).all()


@pytest.mark.parametrize("name", BAD_SKELETON)
def test_bad_skeleton(name):
    old, new, message = BAD_SKELETON[name]
    text = asf_text().replace(old, new) if old else new
    with pytest.raises(JaxposeError, match=rf"^x\.asf.*{message}"):
        asf_amc.parse_asf(text, "x.asf")
