# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train AMPose and compare it with GLA-GCN
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxpose/jaxpose/blob/main/notebooks/train_and_compare.ipynb)
#
# Two of the models are trained on generated motion and scored on three people whom they
# have not seen. At the sizes of `quickstart` it takes some minutes on two CPU cores. The
# figures rank nothing: they are small models on generated motion.

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
import json
import tempfile

import matplotlib.pyplot as plt
from IPython.display import Image, display

import jaxpose
from configs import ampose, gla_gcn
from experiments import smoke

TOY = False  # True: seconds instead of minutes, and figures without a meaning
folder = pathlib.Path(tempfile.mkdtemp())

# %% [markdown]
# ## Two configs
#
# A config is a paper's recipe, and its variant `quickstart` the sizes for a laptop.
# Every field can be changed. One body, `train_3`, is held out of the training, so that the
# best epoch can be chosen on it.

# %%
configs = {
    "AMPose": ampose.get_config("quickstart"),
    "GLA-GCN": gla_gcn.get_config("quickstart"),
}
for config in configs.values():
    if TOY:
        smoke.shrink(config)
        config.dataset.train_subjects = ("train_0", "train_3")
        config.dataset.validation_subjects = ("train_3",)

# %% [markdown]
# ## Train
#
# The data set is generated when it is first needed. `train` writes checkpoints, curves
# and pictures into the run's folder, and returns the scores.

# %%
runs, results = {}, {}
for name, config in configs.items():
    runs[name] = jaxpose.Run.create(config, folder / name)
    results[name] = runs[name].train()

# %% [markdown]
# ## Scores
#
# Millimetres, mean over the actions, with flip averaging. P-MPJPE is the error after
# each pose was moved, turned and scaled to fit. The mean pose and a ridge regression
# are what any model should beat.

# %%
print(f"{'':18}{'MPJPE':>8}{'P-MPJPE':>9}")
for name, scores in results.items():
    print(f"{name:18}{scores['mpjpe']:8.1f}{scores['p_mpjpe']:9.1f}")
print(f"{'ridge regression':18}{scores['linear_mpjpe']:8.1f}")
print(f"{'mean pose':18}{scores['mean_pose_mpjpe']:8.1f}")

# %% [markdown]
# ## Learning curves
#
# The error is that of the body that was held out.

# %%
figure, axis = plt.subplots(figsize=(6, 3.5))
for name, config in configs.items():
    lines = (folder / name / "metrics.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if "selection_mpjpe" in row]
    epochs = [row["step"] / config.steps_per_epoch for row in rows]
    axis.plot(epochs, [row["selection_mpjpe"] for row in rows], "o-", label=name)
axis.set(xlabel="epoch", ylabel="MPJPE of a held-out body, mm")
axis.grid(alpha=0.3)
axis.legend()
plt.show()

# %% [markdown]
# ## Poses
#
# The seconds of the test in which the person moves most: the input, and the prediction
# over the truth in grey.

# %%
for name in configs:
    print(name)
    display(Image(folder / name / "prediction.gif"))

# %% [markdown]
# Frames in which the two models differ most, side by side. That is no fair sample: it
# shows where they differ, and the scores say which is better.

# %%
program = [sys.executable, "-m", "experiments.compare_poses"]
folders = [str(folder / name) for name in configs]
subprocess.run([*program, *folders, f"--out={folder}/poses.png"], cwd=checkout)
display(Image(folder / "poses.png", width=900))

# %% [markdown]
# ## And then
#
# [training.md](https://github.com/jaxpose/jaxpose/blob/main/docs/training.md) has real
# data sets, all fields, and the tables of the papers. `jaxpose.load(folder)` lifts
# recordings with what you have trained.
