"""glTF 2.0: an animated stick figure for 3D programs, game engines and web pages.

Every joint is a node whose translation is animated, so that positions are exactly those
of the pose. Every bone is a node that is moved, turned and stretched between joints.
"""

import base64
import json
import struct
from typing import Any

import numpy as np

from jaxpose.pose.pose import Pose
from jaxpose.pose.vectors import across, unit
from jaxpose.pose.writers.axes import y_up
from jaxpose.wording import printable

_JOINT_RADIUS = 0.025  # metres
_BONE_RADIUS = 0.018

# Base colours of the sides, as red, green, blue, alpha.
_COLOURS = {
    "left": [0.10, 0.35, 0.80, 1.0],
    "right": [0.85, 0.30, 0.15, 1.0],
    "middle": [0.35, 0.35, 0.38, 1.0],
}

# Numbers of the specification.
_FLOAT, _UNSIGNED_SHORT = 5126, 5123
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
_GLB_MAGIC, _GLB_VERSION = 0x46546C67, 2
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942


def encode_glb(pose: Pose) -> bytes:
    """Returns a GLB file: metres, y up, z towards the camera; seconds from 0."""
    content, binary = _make(pose)
    content["buffers"] = [{"byteLength": len(binary)}]
    text = json.dumps(content, separators=(",", ":")).encode()
    # Chunks are padded to four bytes, text by spaces.
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), _JSON_CHUNK) + text
    chunks += struct.pack("<II", len(binary), _BINARY_CHUNK) + binary
    return struct.pack("<III", _GLB_MAGIC, _GLB_VERSION, 12 + len(chunks)) + chunks


def encode_gltf(pose: Pose) -> bytes:
    """Returns the same as one JSON file with its numbers inside."""
    content, binary = _make(pose)
    data = base64.b64encode(binary).decode()
    uri = f"data:application/octet-stream;base64,{data}"
    content["buffers"] = [{"byteLength": len(binary), "uri": uri}]
    return json.dumps(content, separators=(",", ":")).encode()


class _Numbers:
    """Collects arrays in one buffer.

    Attributes:
      binary: the buffer.
      views: parts of the buffer, one per array.
      accessors: what each part holds.
    """

    def __init__(self) -> None:
        self.binary = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, array: np.ndarray, target: int | None = None) -> int:
        """Adds `[n]` or `[n, C]` numbers; returns the index of their accessor.

        Args:
          array: float or unsigned short numbers.
          target: kind of the buffer for vertices and their indices.
        """
        is_index = array.dtype == np.uint16
        rows = array.reshape(len(array), -1)
        if not is_index:
            rows = rows.astype("<f4")
        view: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": len(self.binary),
            "byteLength": rows.nbytes,
        }
        if target is not None:
            view["target"] = target
        accessor = {
            "bufferView": len(self.views),
            "componentType": _UNSIGNED_SHORT if is_index else _FLOAT,
            "count": len(rows),
            "type": _KINDS[rows.shape[1]],
            "min": rows.min(axis=0).tolist(),
            "max": rows.max(axis=0).tolist(),
        }
        self.views.append(view)
        self.accessors.append(accessor)
        self.binary += rows.tobytes()
        self.binary += b"\0" * (-len(self.binary) % 4)
        return len(self.accessors) - 1


class _Animation:
    """Collects what moves over time.

    Attributes:
      samplers: times and values.
      channels: which property of which node follows which sampler.
    """

    def __init__(self, numbers: _Numbers, times: np.ndarray):
        self.samplers: list[dict[str, Any]] = []
        self.channels: list[dict[str, Any]] = []
        self._numbers = numbers
        self._times = numbers.add(times)

    def add(self, values: np.ndarray) -> int:
        """Adds `[F, C]` values at the times; returns the index of their sampler."""
        output = self._numbers.add(values)
        sampler = {"input": self._times, "output": output, "interpolation": "LINEAR"}
        self.samplers.append(sampler)
        return len(self.samplers) - 1

    def move(self, node: int, path: str, sampler: int) -> None:
        """Lets a property of a node follow a sampler."""
        target = {"node": node, "path": path}
        self.channels.append({"sampler": sampler, "target": target})


def _make(pose: Pose) -> tuple[dict[str, Any], bytes]:
    """Returns the JSON object without its buffer, and the buffer."""
    positions = y_up(pose)
    numbers = _Numbers()
    animation = _Animation(numbers, pose.times - pose.times[0])
    meshes, materials = _meshes(numbers)
    nodes: list[dict[str, Any]] = [{"name": printable(pose.name)}]
    sides = list(_COLOURS)

    # Joints first, so that bones can follow the translations of their parents.
    translations = []
    for joint, name in enumerate(pose.joints):
        sampler = animation.add(positions[:, joint])
        translations.append(sampler)
        animation.move(len(nodes), "translation", sampler)
        place = positions[0, joint].tolist()
        mesh = sides.index(_side(name))
        nodes.append({"name": name, "mesh": mesh, "translation": place})
    children, parents = np.transpose(pose.body.bones)
    sticks = positions[:, children] - positions[:, parents]
    lengths = np.linalg.norm(sticks, axis=-1)
    scales = np.stack([np.ones_like(lengths), lengths, np.ones_like(lengths)], axis=-1)
    rotations = _turned(sticks)
    for bone, (child, parent) in enumerate(pose.body.bones):
        node = len(nodes)
        animation.move(node, "translation", translations[parent])
        animation.move(node, "rotation", animation.add(rotations[:, bone]))
        animation.move(node, "scale", animation.add(scales[:, bone]))
        bone_node = {
            "name": f"{pose.joints[parent]}-{pose.joints[child]}",
            "mesh": len(sides) + sides.index(_side(pose.joints[child])),
            "translation": positions[0, parent].tolist(),
            "rotation": rotations[0, bone].tolist(),
            "scale": scales[0, bone].tolist(),
        }
        nodes.append(bone_node)
    nodes[0]["children"] = list(range(1, len(nodes)))
    content = {
        "asset": {"version": "2.0", "generator": "jaxpose"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": materials,
        "animations": [
            {"samplers": animation.samplers, "channels": animation.channels}
        ],
        "accessors": numbers.accessors,
        "bufferViews": numbers.views,
    }
    return content, bytes(numbers.binary)


def _side(joint: str) -> str:
    """Returns the side of the body that a joint is on."""
    side = joint.partition("_")[0]
    return side if side in _COLOURS else "middle"


def _meshes(numbers: _Numbers) -> tuple[list[dict], list[dict]]:
    """Returns the meshes, first joints and then bones in each colour, and materials."""
    ring = np.array([[1, 0, 0], [0, 0, -1], [-1, 0, 0], [0, 0, 1]], float)
    ends = np.array([[0, -1, 0], [0, 1, 0]], float)
    joint = np.concatenate([ring, ends]) * _JOINT_RADIUS
    # From the origin to height 1, thickest near the beginning.
    bone = np.concatenate([ring * _BONE_RADIUS + [0, 0.15, 0], [[0, 0, 0], [0, 1, 0]]])
    faces = []
    for corner in range(4):
        following = (corner + 1) % 4
        # Counterclockwise as seen from outside.
        faces += [following, corner, 4, corner, following, 5]
    indices = numbers.add(np.array(faces, np.uint16), _ELEMENT_ARRAY_BUFFER)
    meshes: list[dict] = []
    for name, shape in (("joint", joint), ("bone", bone)):
        vertices = numbers.add(shape, _ARRAY_BUFFER)
        for material, side in enumerate(_COLOURS):
            primitive = {
                "attributes": {"POSITION": vertices},
                "indices": indices,
                "material": material,
            }
            meshes.append({"name": f"{name} {side}", "primitives": [primitive]})
    materials = []
    for side, colour in _COLOURS.items():
        surface = {
            "baseColorFactor": colour,
            "metallicFactor": 0.0,
            "roughnessFactor": 0.8,
        }
        materials.append({"name": side, "pbrMetallicRoughness": surface})
    return meshes, materials


def _turned(bones: np.ndarray) -> np.ndarray:
    """Returns quaternions `[F, n, 4]` (x, y, z, w): +y turned along bones `[F, n, 3]`.

    Each frame continues the one before by the smallest rotation, so that a bone does
    not spin about itself.
    """
    quaternions = np.zeros((*bones.shape[:2], 4))
    last = np.tile([0.0, 0.0, 0.0, 1.0], (bones.shape[1], 1))
    before = np.tile([0.0, 1.0, 0.0], (bones.shape[1], 1))
    for frame, directions in enumerate(unit(bones)):
        # A bone without length stays as it was.
        directions = np.where(np.isfinite(directions), directions, before)
        last = _multiply(_smallest(before, directions), last)
        last /= np.linalg.norm(last, axis=-1, keepdims=True)
        quaternions[frame], before = last, directions
    return quaternions


def _smallest(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns quaternions `[n, 4]` of the smallest rotations between `[n, 3]`."""
    cosine = np.sum(start * end, axis=-1, keepdims=True)
    quaternions = np.concatenate([np.cross(start, end), 1 + cosine], axis=-1)
    for row in np.flatnonzero(cosine[:, 0] < 1e-9 - 1):
        # Opposite directions: half a turn about any axis across.
        quaternions[row] = np.append(across(start[row]), 0.0)
    return quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)


def _multiply(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns quaternions `[n, 4]` (x, y, z, w) of `second` and then `first`."""
    u, a = first[:, :3], first[:, 3:]
    v, b = second[:, :3], second[:, 3:]
    real = a * b - np.sum(u * v, axis=-1, keepdims=True)
    return np.concatenate([a * v + b * u + np.cross(u, v), real], axis=-1)
