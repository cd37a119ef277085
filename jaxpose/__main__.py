"""The program `jaxpose`, also started as `python -m jaxpose`: one command per task.

`jaxpose prepare ...` is `python -m jaxpose.prepare ...`, and `jaxpose train ...` is
`python -m jaxpose.main --mode=train ...`.
"""

import re
import runpy
import sys

import jaxpose
from jaxpose import terminal

MODULES = {
    "lift": "writes the 3D poses of recordings of 2D keypoints",
    "read": "prints what files of keypoints hold, and writes nothing",
    "prepare": "prepares a data set: prepare synthetic",
    "convert": "converts checkpoints to one file, and from and to PyTorch",
}
MODES = {
    "train": "trains a model, or resumes its run, and evaluates it",
    "evaluate": "scores the best checkpoint of a run",
    "predict": "writes the 3D poses of recordings",
    "describe": "prints a model's size and cost as JSON, without data",
    "fields": "prints every field of a config, its value and what it does",
}


def main() -> None:
    """Runs the command that the first argument names, with the other arguments."""
    terminal.protect()
    arguments = sys.argv[1:]
    command = arguments[0] if arguments else "--help"
    if command in MODULES:
        module, arguments = f"jaxpose.{command}", arguments[1:]
    elif command in MODES:
        module, arguments = "jaxpose.main", arguments[1:]
        # A later flag would win silently: `evaluate --mode=train` must not train.
        if any(re.match("--?mode(=|$)", argument) for argument in arguments):
            sys.exit(f"error: {command} is the mode; leave --mode out")
        arguments = [f"--mode={command}", *arguments]
    elif command == "--version":
        print(f"jaxpose {jaxpose.__version__}")
        return
    elif command in ("--help", "-h"):
        print(_help())
        return
    else:
        known = ", ".join([*MODULES, *MODES])
        sys.exit(f"error: unknown command {command!r}; known: {known}")
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _help() -> str:
    """Returns the list of commands."""
    commands = {**MODULES, **MODES}
    lines = [f"  {name:10}{does}" for name, does in commands.items()]
    return "\n".join(
        [
            "usage: jaxpose COMMAND [FLAGS]",
            "",
            *lines,
            "",
            "jaxpose COMMAND --help lists the flags of a command. For example:",
            "  jaxpose train --config=configs/ampose.py:quickstart --workdir=runs/one",
        ]
    )


if __name__ == "__main__":
    main()
