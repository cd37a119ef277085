"""Trains, evaluates, applies or describes a model.

python -m jaxpose.main --config=configs/ampose.py:quickstart --workdir=runs/quickstart
"""

from jaxpose import terminal
from jaxpose.parallel import memory, signals

# Before the imports, which take seconds: a signal in them must not be lost.
if __name__ == "__main__":
    terminal.protect()
    signals.install()
    memory.keep_freed_memory()

import json
import pathlib
import sys
from typing import Any

import ml_collections
from absl import flags, logging
from ml_collections import config_flags

from jaxpose import command_line, usage
from jaxpose.errors import JaxposeError, explain

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Config file and variant, configs/ampose.py:cmu, or the workdir of a run; absent: "
    "the config of the run in --workdir.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Directory of the run: checkpoints, metrics, pictures."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "predict", "describe", "fields"],
    "train: train (or resume) and evaluate; evaluate: score the best checkpoint of the "
    "workdir; predict: write its 3D poses of recordings, which need no truth; "
    "describe: print the model's size and cost as JSON, without data; "
    "fields: print every field of the config with its value and what it does.",
)
_TO = flags.DEFINE_string("to", None, "predict: formats, such as npz,html.")
_OUT = flags.DEFINE_string("out", None, "predict: folder of the files.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "predict: replace files that exist.")
_SMOOTH = flags.DEFINE_float("smooth", None, "predict: low pass of the poses, Hz.")
_ROOT = flags.DEFINE_bool("root", False, "predict: place the person.")
_UPRIGHT = flags.DEFINE_bool("upright", False, "predict: turn up against gravity.")
_OF_PREDICT = (_TO, _OUT, _OVERWRITE, _SMOOTH, _ROOT, _UPRIGHT)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed",
    False,
    "One of many processes, which the cluster's environment names: SLURM, Open MPI "
    "(which needs --coordinator, too), TPU pods.",
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
    """Runs the mode that the flags name."""
    if len(argv) > 1:
        # Files are what `lift` reads; here everything is a flag.
        hint = "; see --help"
        if _MODE.value == "predict":
            hint = "; files are lifted by `jaxpose lift FILE --model=WORKDIR`"
        sys.exit(f"error: unexpected arguments: {' '.join(argv[1:])}{hint}")
    _quieten_logs()
    # Imported here so that a mistyped flag is answered before JAX starts.
    from jaxpose.parallel import hosts

    # Mistakes of a user end in one line; a defect keeps its traceback.
    try:
        _run_mode(_MODE.value, _CONFIG.value)
    except Exception as error:
        message = _explain(error)
        if message is None:
            hosts.leave_if_several(error)
            raise
        hosts.leave(f"error: {message}")


def _run_mode(mode: str, config: ml_collections.ConfigDict) -> None:
    """Runs one mode of the program.

    Raises:
      JaxposeError: a flag or field that the mode cannot use.
    """
    from jaxpose import compilation_cache
    from jaxpose.run import Run

    stated = [flag.name for flag in _OF_PREDICT if flag.present]
    if stated and mode != "predict":
        raise JaxposeError(f"--{stated[0]} is for --mode=predict; leave it out")
    # The two modes that need neither data nor a directory.
    if mode == "fields":
        from jaxpose.field_list import list_fields

        print(list_fields(config))
        return
    if mode == "describe":
        from jaxpose.models import build_model, contract, cost

        model = build_model(config)
        contract.check_contract(model)
        print(json.dumps(cost.describe(model), indent=2))
        return
    if not _WORKDIR.value:
        raise JaxposeError(f"--mode={mode} needs --workdir=DIR")
    compilation_cache.use()
    _join_processes(mode, config)
    if mode == "train":
        Run.create(config, _WORKDIR.value).train()
    elif mode == "evaluate":
        Run.open(_WORKDIR.value, config).evaluate()
    else:
        settings = _results()
        Run.open(_WORKDIR.value, config).write_predictions(**settings)


def _results() -> dict[str, Any]:
    """Returns what `predict` is to write, as fields of `jaxpose.results.Results`."""
    from jaxpose.results import parse_formats

    settings: dict[str, Any] = {
        "overwrite": _OVERWRITE.value,
        "smooth": _SMOOTH.value,
        "root": _ROOT.value,
        "upright": _UPRIGHT.value,
    }
    if _TO.value is not None:
        settings["formats"] = parse_formats(_TO.value)
    if _OUT.value is not None:
        settings["folder"] = pathlib.Path(_OUT.value).expanduser()
    return settings


def _join_processes(mode: str, config: ml_collections.ConfigDict) -> None:
    """Connects the processes of one run, where the flags ask for it."""
    from jaxpose.parallel import agreement, hosts

    # A process that is told its place must be told whom to ask for the others.
    by_hand = _NUM_PROCESSES.value is not None or _PROCESS_ID.value is not None
    if by_hand and not _COORDINATOR.value:
        raise JaxposeError(
            "--num_processes and --process_id need --coordinator=HOST:PORT, the first "
            "process"
        )
    if _DISTRIBUTED.value or _COORDINATOR.value:
        hosts.initialize(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
        agreement.require_same_command(mode, str(_WORKDIR.value), config)


def _quieten_logs() -> None:
    """Shows warnings, unless --verbosity asks for more, and none of orbax.

    orbax narrates every file and prints the stack of every thread that failed; the one
    error of `jaxpose.training.checkpoints` says what a user needs of that.
    """
    if flags.FLAGS["verbosity"].present:
        return
    logging.set_verbosity(logging.WARNING)
    logging.get_absl_handler().addFilter(lambda record: "orbax" not in record.pathname)


def _explain(error: Exception) -> str | None:
    """Returns one message for an error that a user can mend, None for a defect."""
    import jax

    from jaxpose.parallel import hosts

    first_line = str(error).partition("\n")[0]
    out_of_memory = "RESOURCE_EXHAUSTED" in first_line
    if out_of_memory and isinstance(error, jax.errors.JaxRuntimeError):
        return (
            f"out of memory ({first_line}); lower config.batch_size or "
            "config.eval_batch_size, or raise config.accumulation_steps"
        )
    if hosts.has_lost_another(error):
        return hosts.lost_another(first_line)
    return explain(error)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    command_line.run(main, usage.usage_of)
