"""The command line, called several times in one process: imports take longest.

`python -m tests.calls_of_main FOLDER` reads `FOLDER/calls.json`, a list of lists of
arguments. It writes all that call N prints to `FOLDER/N.txt`, and the exit statuses to
`FOLDER/statuses.json`.
"""

import json
import os
import pathlib
import runpy
import sys
import traceback

from absl import app, flags


def call(arguments: list[str]) -> int:
    """Runs `python -m jaxpose.main ARGUMENTS`; returns its exit status."""
    sys.argv = ["jaxpose/main.py", *arguments]
    before = set(flags.FLAGS)
    try:
        runpy.run_module("jaxpose.main", run_name="__main__")
    except SystemExit as ended:
        # The interpreter prints a message that is no number.
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        # The next call defines the flags of the program again.
        own = {flag.name for flag in flags.FLAGS.flags_by_module_dict()[sys.argv[0]]}
        for name in set(flags.FLAGS) - before:
            if name in own or name.startswith("config"):
                delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()
    return 0


def main(folder: pathlib.Path) -> None:
    """Makes the calls; what is printed by whatever means goes to their files."""
    app.define_help_flags()
    statuses = []
    for number, arguments in enumerate(json.loads((folder / "calls.json").read_text())):
        with (folder / f"{number}.txt").open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            statuses.append(call(arguments))
            sys.stdout.flush()
            sys.stderr.flush()
    (folder / "statuses.json").write_text(json.dumps(statuses))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
