# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Evaluate a converted checkpoint
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/jaxpose/jaxpose/blob/main/notebooks/converted_checkpoint.ipynb)
#
# Weights of the PyTorch implementations are scored here without PyTorch. You may have a
# file of theirs. This notebook makes a small one, with the converter's way back, so
# that it can run from end to end. Only that step needs PyTorch, which Colab has.

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
import tempfile

import jax

import jaxpose
from configs import videopose3d
from jaxpose import convert
from jaxpose.models import cost

folder = pathlib.Path(tempfile.mkdtemp())

# %% [markdown]
# ## The config of the checkpoint
#
# It states the model: a file holds names and arrays, and no sizes of windows. Here it is
# VideoPose3D with 9 frames and 64 channels. For a published file, choose its variant:
# the first lines of `configs/*.py` list them.

# %%
config = videopose3d.get_config("quickstart")
config.model.filter_widths = (3, 3)
config.model.channels = 64
model = jaxpose.build_model(config)
print(cost.describe(model)["parameters"], "parameters")

# %% [markdown]
# ## Make a checkpoint with PyTorch's names
#
# Skip this with a file of your own. The weights are drawn and not trained, so that the
# score below will be bad, and must be.

# %%
drawn = model.init(jax.random.key(0), *model.example_inputs(), train=False)
jaxpose.Run.create(config, folder / "drawn").save_weights(drawn, "drawn")
checkpoint = folder / "checkpoint.bin"
convert.convert_to_torch(config, folder / "drawn", checkpoint)

# %% [markdown]
# ## Convert
#
# The reader is this project's own: it runs nothing that the file holds, and refuses
# arrays that are missing, left over or of another shape.

# %%
for name, array in list(convert.read_torch(checkpoint).items())[:5]:
    print(f"{name:32} {array.shape}")
convert.convert_from_torch(config, checkpoint, folder / "converted")

# %% [markdown]
# ## Score
#
# `evaluate` scores the test subjects of the config and writes `results.json`. Here that
# is generated motion. For Human3.6M, name it in the config: `human36m/gt_17`.

# %%
run = jaxpose.Run.open(folder / "converted")
scores = run.evaluate()
print(f"MPJPE {scores['mpjpe']:.1f} mm, P-MPJPE {scores['p_mpjpe']:.1f} mm")

# %% [markdown]
# The conversion lost nothing: both runs have the same weights.

# %%
before = jaxpose.Run.open(folder / "drawn").variables
same = jax.tree.map(lambda a, b: bool((a == b).all()), before, run.variables)
assert jax.tree.all(same)
print("equal, array by array")

# %% [markdown]
# [training.md](https://github.com/jaxpose/jaxpose/blob/main/docs/training.md) has the
# same as commands, and `jaxpose.load(folder / "converted")` lifts recordings with it.
