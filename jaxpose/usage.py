"""Says how the modes of `jaxpose.main` are used: what `--help` prints.

The flags of absl make one list for all modes, so each mode has a text of its own here.
"""

import sys

# Whatever asks for help, as absl and other programs spell it.
_REQUESTS = ("--help", "-help", "--h", "-h", "-?")

_MODES = """\
usage: python -m jaxpose.main --mode=MODE --config=FILE.py[:VARIANT] [FLAGS]

  train     trains a model, or resumes its run, and evaluates it (the default)
  evaluate  scores the best checkpoint of a run
  predict   writes the 3D poses of prepared recordings
  describe  prints a model's size and cost as JSON, without data
  fields    prints every field of a config, its value and what it does

--mode=MODE --help lists the flags of a mode. `jaxpose MODE` is the same.
Example:
  python -m jaxpose.main --config=configs/ampose.py:quickstart --workdir=runs/a
"""

_CONFIG = """\
  --config=FILE.py[:VARIANT]  configs/ampose.py:cmu, or a workdir; required
  --config.FIELD=VALUE        another value: --config.batch_size=256;
                              `jaxpose fields --config=FILE.py` lists the fields
"""
_OF_RUN = """\
  --workdir=DIR               of the run, whose config is taken; required
  --config.FIELD=VALUE        what differs from it: --config.eval_batch_size=256
"""
_COMMON = """\
  --verbosity=N               0 prints what libraries do, too (default: -1)
"""
_HOSTS = """\
  --distributed               one of many processes, named by SLURM, a TPU pod,
                              or Open MPI, which needs --coordinator, too
  --coordinator=HOST:PORT     the same by hand: the first process
  --num_processes=N           with --coordinator: how many there are
  --process_id=K              with --coordinator: which one this is, from 0
"""

_TRAIN = f"""\
usage: jaxpose train --config=FILE.py[:VARIANT] --workdir=DIR [FLAGS]

Trains a model to the end of its config, then scores the best checkpoint.
The same command resumes a run that was stopped; --workdir=DIR alone does, too.

{_CONFIG}\
  --workdir=DIR               checkpoints, metrics, results, pictures; required
{_HOSTS}{_COMMON}
Example:
  jaxpose train --config=configs/ampose.py:quickstart --workdir=runs/one
  jaxpose train --config=runs/one --config.init_from=runs/one --workdir=runs/two
"""

_EVALUATE = f"""\
usage: jaxpose evaluate --workdir=DIR [FLAGS]

Scores the best checkpoint of a run on its test subjects, or on other data, and
writes results.json there.

{_OF_RUN}{_HOSTS}{_COMMON}
Example, on the test subjects of another data set than that of the training:
  jaxpose evaluate --workdir=runs/one --config.dataset.name=cmu_mocap/gt
"""

_PREDICT = f"""\
usage: jaxpose predict --workdir=DIR [FLAGS]

Writes the 3D poses of recordings that `jaxpose prepare` has prepared; they need
no truth. `jaxpose lift` reads files of keypoints without preparation.

{_OF_RUN}\
  --to=FORMATS                such as npz,trc,bvh (default: npz,html)
  --out=DIR                   for the files; DIR of the run unless given
  --overwrite                 replaces files that exist
  --smooth=HZ                 low pass of the poses, such as 6
  --root, --upright           places the person; turns up against gravity
{_HOSTS}{_COMMON}
Example:
  jaxpose predict --workdir=runs/cmu --config.dataset.name=custom/h36m_17
"""

_DESCRIBE = f"""\
usage: jaxpose describe --config=FILE.py[:VARIANT] [FLAGS]

Prints parameters, multiply-accumulates, receptive field and shapes of a model
as JSON. It reads no data and writes no file.

{_CONFIG}{_COMMON}
Example:
  jaxpose describe --config=configs/gla_gcn.py
"""

_FIELDS = f"""\
usage: jaxpose fields --config=FILE.py[:VARIANT] [FLAGS]

Prints every field of a config as the flag that sets it, and below it what the
field does. It reads no data and writes no file.

{_CONFIG}{_COMMON}
Example:
  jaxpose fields --config=configs/ampose.py:quickstart
"""

_USAGES = {
    "train": _TRAIN,
    "evaluate": _EVALUATE,
    "predict": _PREDICT,
    "describe": _DESCRIBE,
    "fields": _FIELDS,
}


def is_help(arguments: list[str]) -> bool:
    """Returns whether the arguments of a program ask for its usage."""
    return any(argument in _REQUESTS for argument in arguments)


def usage_of(arguments: list[str]) -> str:
    """Returns the usage of the mode that arguments of `jaxpose.main` name, if any."""
    mode = ""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name == "mode":
            mode = value if equals else following
    return _USAGES.get(mode, _MODES)


def print_and_leave(text: str) -> None:
    """Prints a usage and ends the program with status 0."""
    print(text.rstrip())
    sys.exit(0)
