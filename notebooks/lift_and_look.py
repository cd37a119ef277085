# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lift and look
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxpose/jaxpose/blob/main/notebooks/lift_and_look.ipynb)
#
# From 2D keypoints to a 3D pose that you can turn, measure and save. Everything is made
# here, so nothing has to be uploaded. It takes less than a minute on a CPU.

# %%
# On Colab this fetches jaxpose and installs what is missing. Elsewhere it expects a
# checkout with its requirements, and this notebook in its folder `notebooks`.
import pathlib
import subprocess
import sys

checkout = pathlib.Path.cwd().parent
if "google.colab" in sys.modules:
    checkout = pathlib.Path("/content/jaxpose")
    if not checkout.exists():
        address = "https://github.com/jaxpose/jaxpose"
        subprocess.run(["git", "clone", "--depth=1", address, checkout], check=True)
sys.path.insert(0, str(checkout))
if "google.colab" in sys.modules:
    from notebooks import colab

    colab.install()

# %%
import dataclasses
import json
import tempfile

import matplotlib.pyplot as plt
import numpy as np

import jaxpose

folder = pathlib.Path(tempfile.mkdtemp())

# %% [markdown]
# ## A recording
#
# A generated person of 1.75 m squats before a camera for five seconds. A detector would
# see the joints with small errors, so some are added. The file is what a detector could
# have written. With a recording of your own, go on from `lifter.read` below: see
# [recordings.md](https://github.com/jaxpose/jaxpose/blob/main/docs/recordings.md).

# %%
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.rendering import add_detector_noise, render
from jaxpose.datasets.synthetic.body import sample_body
from jaxpose.datasets.synthetic.motions import generate

rng = np.random.default_rng(1)
positions_world, _ = generate("crouch", sample_body(1.75, rng), 250, FPS, rng)
camera = h36m_cameras("S1")[0]
exact_2d, true_3d, _ = render(positions_world, camera)  # [F, 17, 2] pixels, [F, 17, 3]
keypoints_2d = add_detector_noise(exact_2d, rng)

recording = {
    "keypoints_2d": keypoints_2d.round(1).tolist(),
    "keypoints": "h36m_17",
    "image_size": camera.image_size,
    "fps": FPS,
}
(folder / "squat.json").write_text(json.dumps(recording))
print(f"{len(keypoints_2d)} frames of {keypoints_2d.shape[1]} joints")

# %% [markdown]
# ## Lift it

# %%
lifter = jaxpose.load()  # the weights inside the package
pose = lifter.read(folder / "squat.json")
print(pose.name, pose.positions_3d.shape, "metres,", pose.frame_of_reference)

# %% [markdown]
# The truth is known here, so the error is, too. Poses are compared relative to the hip.
# The weights in the package are preliminary: their card says how good they are.

# %%
truth = true_3d - true_3d[:, :1]
error = jaxpose.metrics.mpjpe(pose.positions_3d, truth)
aligned = jaxpose.metrics.p_mpjpe(pose.positions_3d, truth)
print(
    f"MPJPE {1000 * error:.0f} mm, after Procrustes alignment {1000 * aligned:.0f} mm"
)

# %% [markdown]
# ## Smooth it, place it, put it upright
#
# `smooth` is a low pass, in Hz. `with_root` finds where the person is, from the
# camera's focal length. `upright` turns up against gravity. `remarks` says what was
# estimated.

# %%
standing = pose.smooth(6.0).with_root(intrinsics=camera.intrinsics).upright()
for remark in standing.remarks:
    print("-", remark)

# %% [markdown]
# ## Look
#
# Drag turns the person, space plays.

# %%
standing.view()

# %% [markdown]
# A still picture is a matplotlib figure: the keypoints, and the pose from the camera and
# from its right.

# %%
jaxpose.plot(standing, frame=150)

# %% [markdown]
# ## Measure
#
# Solid lines are the lifted pose, dotted ones the truth.

# %%
angles = standing.joint_angles()
true_angles = dataclasses.replace(pose, positions_3d=truth).joint_angles()
figure, axis = plt.subplots(figsize=(7, 3))
for side, colour in (("left", "tab:blue"), ("right", "tab:orange")):
    name = f"{side}_knee_flexion"
    axis.plot(standing.times, angles[name], color=colour, label=side)
    axis.plot(pose.times, true_angles[name], ":", color=colour)
axis.set(xlabel="seconds", ylabel="knee flexion, degrees")
axis.grid(alpha=0.3)
axis.legend()
plt.show()

# %% [markdown]
# ## Save
#
# BVH opens in Blender, TRC in OpenSim, and the page in any browser.

# %%
for ending in ("bvh", "trc", "npz", "html"):
    path = standing.save(folder / f"squat.{ending}")
    print(f"{path} {path.stat().st_size / 1000:.0f} kB")
