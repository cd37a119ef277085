"""Converts checkpoints to one file, and from and to the PyTorch implementations.

    python -m jaxpose.convert --workdir=DIR --to-safetensors=FILE [--dtype=float16]
    python -m jaxpose.convert --torch=FILE --workdir=DIR [--config=CONFIG:VARIANT]
    python -m jaxpose.convert --workdir=DIR --to-torch=FILE

The first writes the best checkpoint of a run as a file that `jaxpose.load` and
`jaxpose lift --model=FILE` read. The second writes a native checkpoint that
`jaxpose.main --mode=evaluate --workdir=DIR` scores; without a config, model and variant
are recognised by the names and shapes of the arrays. The third writes the best
checkpoint of a run under the reference's names. Only the third needs PyTorch, the
optional extra `convert`: `pip install torch`.
"""

from jaxpose import terminal
from jaxpose.parallel import signals

# Before the imports, which take seconds: a signal in them must not be lost.
if __name__ == "__main__":
    terminal.protect()
    signals.install()

import pathlib
import sys
from types import ModuleType

import jax
import ml_collections
import numpy as np
from absl import app, flags, logging
from ml_collections import config_flags

from jaxpose import command_line, torch_weights
from jaxpose.errors import JaxposeError, explain
from jaxpose.models import cost
from jaxpose.run import Run
from jaxpose.torch_weights import checkpoint, layouts, recognise, state_dicts
from jaxpose.training import origins, workdirs
from jaxpose.whole_files import replacing

# Keys under which the reference implementations save the state dict of the lifting
# model, and of VideoPose3D's trajectory model beside it.
_USUAL_KEYS = ("model", "state_dict", "model_state_dict", "net", "network")
_STATE_DICT_KEYS = ("model_pos", *_USUAL_KEYS)
_TRAJECTORY_KEYS = ("model_traj", *_USUAL_KEYS)


def main(argv: list[str]) -> None:
    """Converts in the direction that the flags ask for."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    # orbax logs every file that it writes.
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)
    config, workdir = flags.FLAGS.config, pathlib.Path(flags.FLAGS.workdir)
    source, target = flags.FLAGS.torch, flags.FLAGS["to-torch"].value
    exported = flags.FLAGS["to-safetensors"].value
    # Exactly one of the three files is given, and it decides the direction.
    try:
        if [source, target, exported].count(None) != 2:
            raise JaxposeError(
                "give either --torch=FILE (to read), --to-torch=FILE or "
                "--to-safetensors=FILE (to write)"
            )
        if exported is not None:
            Run.open(workdir, config).export(exported, flags.FLAGS.dtype)
            print(f"wrote {exported}")
        elif target is not None:
            convert_to_torch(config, workdir, pathlib.Path(target).expanduser())
        elif source is not None:
            prefix = flags.FLAGS["strip-prefix"].value
            source = pathlib.Path(source).expanduser()
            convert_from_torch(config, source, workdir, prefix)
    except (JaxposeError, OSError, MemoryError) as error:
        sys.exit(f"error: {explain(error)}")


def convert_from_torch(
    config: ml_collections.ConfigDict | None,
    torch_file: pathlib.Path,
    workdir: pathlib.Path,
    prefix: str | None = None,
) -> None:
    """Writes the weights of `torch_file` as a native checkpoint of step 0 in `workdir`.

    Args:
      config: config of the model; None: it is recognised by the arrays of the file.
      torch_file: the PyTorch checkpoint.
      workdir: a new directory.
      prefix: what the names of the weights begin with; None: it is found.

    Raises:
      JaxposeError: the file cannot be read, does not fit the config's model, holds NaN,
        or `workdir` already holds a run; nothing is written then.
    """
    if config is not None:
        _check_lifting(config)
        torch_weights.get_state_dict_map(config.model.name)
    if workdirs.holds_run(workdir.expanduser()):
        raise JaxposeError(
            f"--workdir={workdir} already holds a run; give a new directory"
        )
    state_dict = read_torch(torch_file, _keys(config))
    if config is None:
        config = _recognise(torch_file, state_dict)
    run = Run.create(config, workdir)
    names = torch_weights.get_state_dict_map(config.model.name)
    entries = list(names.entries(run.model))
    try:
        wanted = [entry.torch_name for entry in entries]
        variables = layouts.from_torch(
            entries,
            state_dicts.strip_prefix(state_dict, wanted, prefix),
            cost.variable_shapes(run.model),
            leftovers=names.leftovers(run.model),
        )
    except JaxposeError as error:
        message = f"--torch={torch_file}: {error}"
        # A prefix that the user must name is no sign of another model.
        if isinstance(error, layouts.MisfitError) and (fits := _fits(state_dict)):
            message += f"\n{recognise.describe_fits(fits)}"
        raise JaxposeError(message) from None
    run.save_weights(variables, origins.describe_file(torch_file))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    print(f"converted {parameters:,} parameters of {torch_file} to {workdir}")


def _recognise(
    torch_file: pathlib.Path, state_dict: dict[str, np.ndarray]
) -> ml_collections.ConfigDict:
    """Returns the config whose model has the arrays of a file, and prints its name.

    Raises:
      JaxposeError: there is none.
    """
    fits = _fits(state_dict)
    if not fits or not fits[0].is_exact:
        nearest = f"; {recognise.describe_fits(fits)}" if fits else ""
        raise JaxposeError(
            f"--torch={torch_file} is no model that jaxpose knows at its published "
            f"sizes; name its config with --config=configs/NAME.py:VARIANT{nearest}"
        )
    print(f"{torch_file}: {recognise.describe_fits(fits)}")
    return fits[0].config


def _fits(state_dict: dict[str, np.ndarray]) -> list[recognise.Fit]:
    """Returns the packaged configs whose model fits a file, or the nearest one."""
    configs: list[tuple[str, ml_collections.ConfigDict]] = []
    for name in torch_weights.STATE_DICTS:
        configs += command_line.packaged_variants(name)
    return recognise.find_fits(state_dict, configs)


def convert_to_torch(
    config: ml_collections.ConfigDict | None,
    workdir: pathlib.Path,
    torch_file: pathlib.Path,
) -> None:
    """Writes the best checkpoint of `workdir` as `{"model_pos": state dict}`, float32.

    The key of a trajectory model is `model_traj`. Arrays that the reference saves and
    never uses are written as zeros, so that its strict loading accepts the file.

    Args:
      config: a config with the model of the run; None: that of the run.
      workdir: directory of the run.
      torch_file: the file.

    Raises:
      JaxposeError: no checkpoint, another model, or `torch_file` cannot be written.
    """
    if config is not None:
        _check_lifting(config)
    torch = _import_torch()
    run = Run.open(workdir, config)
    _check_lifting(run.config)
    names = torch_weights.get_state_dict_map(run.config.model.name)
    arrays = layouts.to_torch(
        names.entries(run.model),
        jax.device_get(run.variables),
        names.leftovers(run.model),
    )
    # tensor() copies: JAX's arrays are read-only, and PyTorch has no such tensors.
    state_dict = {name: torch.tensor(array) for name, array in arrays.items()}
    try:
        with replacing(torch_file) as partial:
            torch.save({_keys(run.config)[0]: state_dict}, partial)
    except (OSError, RuntimeError) as error:  # RuntimeError: a missing folder
        raise JaxposeError(
            f"--to-torch={torch_file} cannot be written: {error}"
        ) from error
    print(f"wrote {len(arrays)} arrays of {workdir} to {torch_file}")


def _check_lifting(config: ml_collections.ConfigDict) -> None:
    """Raises JaxposeError for a refined model: the references save two files."""
    if config.refinement:
        raise JaxposeError(
            "the reference implementations save the lifting model alone: convert that "
            "one, with --config.refinement=False, and train the refinement after it"
        )


def _keys(config: ml_collections.ConfigDict | None) -> tuple[str, ...]:
    """Returns the keys under which the reference saves the config's model."""
    if config is not None and config.model.get("trajectory"):
        return _TRAJECTORY_KEYS
    return _STATE_DICT_KEYS


def read_torch(
    path: pathlib.Path, keys: tuple[str, ...] = _STATE_DICT_KEYS
) -> dict[str, np.ndarray]:
    """Returns the state dict in a PyTorch checkpoint, without `module.` prefixes.

    The file is untrusted: tensors, containers, numbers and strings are read, by a
    reader of this project. Optimisers, random states and settings are passed over.

    Args:
      path: a state dict, or a dict that holds one.
      keys: keys of the dict; the first one that exists is read.

    Raises:
      JaxposeError: the file is missing, broken, refused or holds no state dict.
    """
    arrays = {}
    for name, array in checkpoint.read_state_dict(path, keys).items():
        # PyTorch's wrapper for several devices, now and then twice.
        while name.startswith("module."):
            name = name.removeprefix("module.")
        arrays[name] = array
    return arrays


def _import_torch() -> ModuleType:
    """Returns PyTorch; raises JaxposeError where it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise JaxposeError(
            "writing a PyTorch file needs PyTorch, the optional extra `convert`, which "
            "is not installed: pip install torch"
        ) from error
    return torch


def _define_flags() -> None:
    """Defines the flags; not on import: `jaxpose.main` has flags of the same names."""
    config_flags.DEFINE_config_file(
        "config", None, "Config file and variant; a run in --workdir has its own."
    )
    flags.DEFINE_string("workdir", None, "Directory of the native checkpoint.")
    flags.DEFINE_string("torch", None, "PyTorch checkpoint to read (.bin, .pt, .pth).")
    flags.DEFINE_string(
        "strip-prefix",
        None,
        "With --torch: what the names of the weights begin with, such as backbone.",
    )
    flags.DEFINE_string("to-torch", None, "PyTorch checkpoint to write.")
    flags.DEFINE_string(
        "to-safetensors", None, "File to write that jaxpose.load reads."
    )
    flags.DEFINE_enum(
        "dtype",
        "float32",
        ["float32", "float16"],
        "With --to-safetensors: type of the numbers; float16 is half the size.",
    )


if __name__ == "__main__":
    _define_flags()
    flags.mark_flag_as_required("workdir")
    command_line.run(main)
