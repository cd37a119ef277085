"""One synthetic person in every joint set, for files laid out as the real data sets."""

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import H36M_17, Skeleton
from jaxpose.datasets.schema import Camera
from jaxpose.datasets.synthetic.body import sample_body
from jaxpose.datasets.synthetic.motions import MOTIONS, generate


def positions_world(
    skeleton: Skeleton, num_frames: int, fps: float, seed: int
) -> np.ndarray:
    """`[F, J, 3]` metres, z up: a motion on the joints of `skeleton`, about the origin.

    Joints beside the 17 generated ones lie on or near the bones: toes before the
    ankles, hands beyond the wrists, eyes and ears on the head.
    """
    rng = np.random.default_rng(seed)
    body = sample_body(1.6 + 0.03 * (seed % 10), rng)
    positions, _ = generate(
        list(MOTIONS)[seed % len(MOTIONS)], body, max(num_frames, 50), fps, rng
    )
    positions = positions[:num_frames]
    positions[..., :2] -= positions[:, :1, :2].mean(axis=0, keepdims=True)
    joint = _all_joints(
        {name: positions[:, index] for index, name in enumerate(H36M_17.joints)}
    )
    names = _OTHER_NAMES.get(skeleton.name, {})
    return np.stack([joint[names.get(name, name)] for name in skeleton.joints], axis=1)


_OTHER_NAMES = {
    "mpi_inf_3dhp_28": {"neck": "thorax", "head": "neck_nose", "head_top": "head"},
    "mpi_inf_3dhp_17": {"neck": "thorax", "head": "neck_nose", "head_top": "head"},
    "halpe_26": {"neck": "thorax"},
    "body_25": {"neck": "thorax"},
    "mpii_16": {"upper_neck": "neck_nose", "head_top": "head"},
}


def _all_joints(joint: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    def along(start: str, end: str, share: float) -> np.ndarray:
        return joint[start] + share * (joint[end] - joint[start])

    across = joint["left_hip"] - joint["right_hip"]
    forward = np.cross(across, joint["thorax"] - joint["hip"])
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    joint = joint | {
        "pelvis": joint["hip"],
        "mid_hip": joint["hip"],
        "torso_distal": joint["hip"],
        "torso_proximal": along("thorax", "spine", 0.1),
        "head_proximal": along("thorax", "spine", -0.1),
        "head_distal": joint["head"],
        "nose": joint["neck_nose"] + 0.05 * forward,
        "spine2": along("spine", "thorax", 0.3),
        "spine3": along("spine", "thorax", 0.6),
        "spine4": along("spine", "thorax", 0.9),
    }
    for side, sign in (("left", 1), ("right", -1)):
        middle = along("neck_nose", "head", 0.3)
        joint[f"{side}_eye"] = middle + sign * 0.15 * across + 0.04 * forward
        joint[f"{side}_ear"] = middle + sign * 0.3 * across
        joint[f"{side}_clavicle"] = along("thorax", f"{side}_shoulder", 0.4)
        joint[f"{side}_hand"] = along(f"{side}_elbow", f"{side}_wrist", 1.3)
        for name, reach in (
            ("heel", -0.05),
            ("foot", 0.1),
            ("toe", 0.18),
            ("big_toe", 0.18),
            ("small_toe", 0.15),
        ):
            joint[f"{side}_{name}"] = joint[f"{side}_ankle"] + reach * forward
        for limb, (root, hinge, end) in (
            ("arm", ("shoulder", "elbow", "wrist")),
            ("leg", ("hip", "knee", "ankle")),
        ):
            gap = 0.1 * (joint[f"{side}_{hinge}"] - joint[f"{side}_{root}"])
            joint[f"{side}_upper_{limb}_proximal"] = joint[f"{side}_{root}"]
            joint[f"{side}_upper_{limb}_distal"] = joint[f"{side}_{hinge}"] - gap
            joint[f"{side}_lower_{limb}_proximal"] = joint[f"{side}_{hinge}"] + gap
            joint[f"{side}_lower_{limb}_distal"] = joint[f"{side}_{end}"]
    return joint


def seen_by(world: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels `[F, J, 2]` and positions `[F, J, 3]` in the camera frame, metres.

    The camera's distortion is left out.
    """
    positions_3d = cameras.world_to_camera(
        world, np.array(camera.orientation), np.array(camera.translation)
    )
    fx, fy, cx, cy = camera.intrinsics
    image = positions_3d[..., :2] / positions_3d[..., 2:]
    return image * np.array([fx, fy]) + np.array([cx, cy]), positions_3d


def camera_around(
    name: str, angle: float, image_size: tuple[int, int], focal: float
) -> Camera:
    """Returns a camera 4.5 m from the origin, 1.5 m up, looking level towards it.

    `angle` is where it stands, in degrees.
    """
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    right, down, ahead = (-sine, cosine, 0), (0, 0, -1), (-cosine, -sine, 0)
    return Camera(
        name=name,
        image_size=image_size,
        intrinsics=(focal, focal, image_size[0] / 2, image_size[1] / 2),
        orientation=tuple(
            cameras.quaternion_from_matrix(np.array([right, down, ahead]).T).tolist()
        ),
        translation=(4.5 * cosine, 4.5 * sine, 1.0),
    )
