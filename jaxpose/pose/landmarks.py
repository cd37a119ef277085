"""Finds the joints that body axes and angles need, in any joint set with bones."""

from jaxpose.body.skeletons import Skeleton
from jaxpose.errors import JaxposeError

# Joint sets call the upper end of the trunk and the middle of the hips differently.
_OTHER_NAMES = {"thorax": "neck", "hip": "pelvis"}


def find_joints(body: Skeleton, names: tuple[str, ...], purpose: str) -> list[int]:
    """Returns the index of each named joint.

    `thorax` is `neck` and `hip` is `pelvis` in joint sets that call them so.

    Args:
      body: the joint set.
      names: of the joints.
      purpose: what needs them, for the message.

    Raises:
      JaxposeError: the joint set lacks one.
    """
    found, missing = [], []
    for name in names:
        known = name if name in body.joints else _OTHER_NAMES.get(name, name)
        if known in body.joints:
            found.append(body.joints.index(known))
        else:
            missing.append(name)
    if missing:
        raise JaxposeError(
            f"{purpose} needs the joints {', '.join(missing)}, which skeleton "
            f"{body.name!r} lacks; lift to h36m_17"
        )
    return found
