"""Human3.6M: the cameras of `metadata.xml` are the published ones."""

import numpy as np
import pytest

from jaxpose.body import cameras
from jaxpose.datasets.h36m_cameras import h36m_cameras
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.human36m.metadata import read_cameras
from jaxpose.errors import JaxposeError
from tests import fabricate_human36m
from tests.datasets.human36m.clips import examples


def test_metadata_cameras_are_the_published_ones(tmp_path):
    fabricate_human36m.write_metadata(tmp_path / "metadata.xml")
    for subject in facts.SUBJECTS:
        for found, published in zip(
            read_cameras(tmp_path / "metadata.xml", subject),
            h36m_cameras(subject),
            strict=True,
        ):
            sign = np.sign(np.dot(found.orientation, published.orientation))
            np.testing.assert_allclose(
                sign * np.array(found.orientation), published.orientation, atol=2e-7
            )
            np.testing.assert_allclose(
                found.translation, published.translation, atol=1e-12
            )
            np.testing.assert_allclose(found.intrinsics, published.intrinsics)
            np.testing.assert_allclose(found.distortion, published.distortion)
            assert (found.name, found.image_size) == (
                published.name,
                published.image_size,
            )


def test_metadata_rotation_is_the_transposed_product_of_three(tmp_path):
    angles = np.array([0.3, -1.1, 2.0])
    numbers = np.zeros(300)
    numbers[6 * (2 * 11 + 8) :][:6] = [*angles, 1000, 2000, 3000]  # camera 2, subject 9
    (tmp_path / "metadata.xml").write_text(
        f"<m><w0>[{' '.join(map(str, numbers))}]</w0></m>"
    )
    camera = read_cameras(tmp_path / "metadata.xml", "S9")[2]
    x, y, z = -angles[0], angles[1], -angles[2]
    turn_x = np.array(
        [[1, 0, 0], [0, np.cos(x), np.sin(x)], [0, -np.sin(x), np.cos(x)]]
    )
    turn_y = np.array(
        [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    )
    turn_z = np.array(
        [[np.cos(z), np.sin(z), 0], [-np.sin(z), np.cos(z), 0], [0, 0, 1]]
    )
    camera_to_world = (turn_x @ turn_y @ turn_z).T
    rotated = cameras.quaternion_rotate(np.array(camera.orientation), np.eye(3))
    np.testing.assert_allclose(rotated.T, camera_to_world, atol=1e-12)
    assert camera.translation == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    "text", ["", "<w0>[1 2 3]</w0>", "<w0>[one]</w0>", f"<w0>[{'nan ' * 300}]</w0>"]
)
def test_bad_metadata_is_named(official, text):
    (official / "metadata.xml").write_text(text)
    with pytest.raises(JaxposeError, match=r"metadata\.xml: <w0> holds"):
        examples(official, "gt_17")
