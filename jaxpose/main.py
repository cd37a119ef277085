"""Trains, evaluates, applies or describes a model.

python -m jaxpose.main --config=configs/ampose.py:quickstart --workdir=runs/quickstart
"""

from jaxpose.parallel import signals

if __name__ == "__main__":
    signals.install()  # before the imports that take seconds

import json
import os

from absl import app, flags, logging
from ml_collections import config_flags

from jaxpose import command_line
from jaxpose.errors import JaxposeError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Config file and variant: configs/ampose.py:cmu."
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Directory of the run: checkpoints, metrics, pictures."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "predict", "describe"],
    "train: train (or resume) and evaluate; evaluate: score the best checkpoint of the workdir; "
    "predict: write its 3D poses of recordings, which need no truth; "
    "describe: print the model's size and cost as JSON, without data.",
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed",
    False,
    "One of many processes, which the cluster's environment names (SLURM, TPU pods).",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "The same by hand: host:port of the first process."
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", None, "With --coordinator: how many there are."
)
_PROCESS_ID = flags.DEFINE_integer(
    "process_id", None, "With --coordinator: which one this is, from 0."
)


def main(argv: list[str]) -> None:
    """Runs the mode."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)
        # orbax narrates every file, and prints the stack of every thread that failed; what a user
        # needs of that is in the one error of jaxpose.training.checkpoints.
        logging.get_absl_handler().addFilter(
            lambda record: "orbax" not in record.pathname
        )
    # Imported here so that a mistyped flag is answered before JAX starts.
    import jax

    from jaxpose import models
    from jaxpose.inference import recordings
    from jaxpose.models import cost
    from jaxpose.parallel import hosts
    from jaxpose.training import loop

    try:
        config = _CONFIG.value
        if _MODE.value == "describe":
            print(json.dumps(cost.describe(models.build_model(config)), indent=2))
            return
        if not _WORKDIR.value:
            raise JaxposeError(f"--mode={_MODE.value} needs --workdir=DIR")
        workdir = os.path.expanduser(_WORKDIR.value)  # no shell does it behind "="
        if jax.config.jax_compilation_cache_dir is None:
            jax.config.update(
                "jax_compilation_cache_dir",
                os.path.expanduser("~/.cache/jaxpose/compiled"),
            )
        if (_NUM_PROCESSES.value, _PROCESS_ID.value) != (
            None,
            None,
        ) and not _COORDINATOR.value:
            raise JaxposeError(
                "--num_processes and --process_id need --coordinator=HOST:PORT, the first process"
            )
        if _DISTRIBUTED.value or _COORDINATOR.value:
            hosts.initialize(
                _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value
            )
        if _MODE.value == "train":
            loop.train_and_evaluate(config, workdir)
        elif _MODE.value == "evaluate":
            loop.evaluate_workdir(config, workdir)
        else:
            recordings.predict_workdir(config, workdir)
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        if (
            isinstance(error, jax.errors.JaxRuntimeError)
            and "RESOURCE_EXHAUSTED" in first_line
        ):
            hosts.leave(
                f"error: out of memory ({first_line}); lower config.batch_size or config.eval_batch_size, or "
                "raise config.accumulation_steps"
            )
        if hosts.has_lost_another(error):
            hosts.leave(
                f"error: another process of this run has ended ({first_line}); start the same command again "
                "on every host, and it resumes from the last checkpoint"
            )
        if isinstance(
            error, JaxposeError | OSError
        ):  # OSError: a full disk, a config file that is not there
            hosts.leave(f"error: {error}")
        raise


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    command_line.run(main)
