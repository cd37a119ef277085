"""glTF files, read back by pygltflib."""

import numpy as np
import pygltflib
import pytest

from tests.pose.people import Y_UP, check_standing, standing_pose, walk


class Gltf:
    """A file as pygltflib reads it, with its numbers and its motion."""

    def __init__(self, path):
        self.file = pygltflib.GLTF2().load(str(path))
        if path.suffix == ".gltf":
            self.file.convert_buffers(pygltflib.BufferFormat.BINARYBLOB)

    def array(self, index):
        accessor = self.file.accessors[index]
        view = self.file.bufferViews[accessor.bufferView]
        kind = {5126: np.float32, 5123: np.uint16}[accessor.componentType]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        values = np.frombuffer(
            self.file.binary_blob(), kind, accessor.count * width, view.byteOffset
        ).reshape(-1, width)
        assert values.nbytes == view.byteLength
        assert view.byteOffset % 4 == 0
        np.testing.assert_array_equal(values.min(axis=0), np.array(accessor.min, kind))
        np.testing.assert_array_equal(values.max(axis=0), np.array(accessor.max, kind))
        return values

    def motion(self):
        """Values `[F, C]` by the name of the node and of its property, and times."""
        animation = self.file.animations[0]
        found, times = {}, None
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            node = self.file.nodes[channel.target.node]
            found[node.name, channel.target.path] = self.array(sampler.output)
            times = self.array(sampler.input)[:, 0]
        return found, times


@pytest.mark.parametrize("ending", ["glb", "gltf"])
def test_gltf_is_metres_with_y_up(tmp_path, ending):
    pose = standing_pose()
    found, _ = Gltf(pose.save(tmp_path / f"stand.{ending}")).motion()
    positions = np.stack([found[name, "translation"] for name in pose.joints], axis=1)
    check_standing(positions, 1.0, **Y_UP)


def test_gltf_moves_joints_and_bones(tmp_path):
    pose = walk().with_root().upright(pitch=-10)
    found, times = Gltf(pose.save(tmp_path / "walk.glb")).motion()
    np.testing.assert_allclose(times, np.arange(20) / 30, atol=1e-6)
    for index, name in enumerate(pose.joints):
        expected = pose.positions_3d[:, index]
        np.testing.assert_allclose(found[name, "translation"], expected, atol=1e-6)
    # The far end of each bone's mesh, (0, 1, 0), lies on the child joint.
    for child, parent in pose.body.bones:
        name = f"{pose.joints[parent]}-{pose.joints[child]}"
        x, y, z, w = found[name, "rotation"].astype(float).T
        np.testing.assert_allclose(x**2 + y**2 + z**2 + w**2, 1, atol=1e-6)
        # The second column of the matrix of a quaternion: where +y goes.
        up = [2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)]
        end = np.stack(up, axis=-1) * found[name, "scale"][:, 1:2]
        end += found[name, "translation"]
        np.testing.assert_allclose(end, pose.positions_3d[:, child], atol=1e-5)
        # Neighbouring frames are on the short way, as programs interpolate.
        turned = np.stack([x, y, z, w], axis=-1)
        assert (np.sum(turned[1:] * turned[:-1], axis=-1) > 0.9).all()


def test_gltf_is_a_scene_with_meshes(tmp_path):
    gltf = Gltf(walk().save(tmp_path / "walk.glb"))
    file = gltf.file
    assert file.asset.version == "2.0"
    children = file.nodes[file.scenes[0].nodes[0]].children
    assert children == list(range(1, 1 + 17 + 16))
    for mesh in file.meshes:
        vertices = gltf.array(mesh.primitives[0].attributes.POSITION)
        corners = gltf.array(mesh.primitives[0].indices)[:, 0].reshape(-1, 3)
        middle = vertices.mean(axis=0)
        for triangle in vertices[corners]:
            # Counterclockwise from outside: the normal points away from the middle.
            normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
            assert normal @ (triangle.mean(axis=0) - middle) > 0
