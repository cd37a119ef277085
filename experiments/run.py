"""Runs a table of a paper and writes the paper's figures beside those measured here.

    python -m experiments.run --list
    python -m experiments.run gla_gcn.table5 --workdir=runs/tables
    python -m experiments.run gla_gcn.table5 --workdir=runs/smoke --smoke

The table is written to `DIR/<table>.md` after every row, its pictures to
`DIR/<table>/`. Each run is a process of its own with its directory in `DIR/runs`;
tables share runs. The same command continues unfinished runs and leaves finished ones
alone.

Rows are trained as the papers train: on all training subjects, to the last epoch.
`--protocol=held_out` holds out the validation subjects of the data set instead; it
needs a `--workdir` of its own.
"""

import argparse
import os
import pathlib
import signal
import sys
from typing import Any

from experiments import child, listing, markdown
from experiments.job import Job, make_jobs
from experiments.tables import TABLES, add_tables
from jaxpose.errors import JaxposeError, NotPreparedError
from jaxpose.fields import TRAINING_PROTOCOLS
from jaxpose.training.workdirs import open_workdir
from jaxpose.whole_files import replacing

# What a run is in when it has no figures.
PENDING, STOPPED, NOT_PREPARED = "not run yet", "not finished", "not prepared"
REFUSED, CRASHED = "refused", "crashed"


class Runner:
    """Runs the jobs of one table and keeps its Markdown up to date.

    Attributes:
      table: the table.
      jobs: by number of the row, one job per seed.
      path: the Markdown file.
    """

    def __init__(
        self,
        name: str,
        workdir: pathlib.Path,
        jobs: dict[int, list[Job]],
        smoke: bool,
        protocol: str = "paper",
    ):
        """Prepares table `name`; nothing runs yet."""
        self.table, self.jobs = TABLES[name], jobs
        self.path = workdir / f"{name}.md"
        self._smoke, self._protocol = smoke, protocol
        # By file of the result: the outcome in this command. Rows may share a run.
        self._states: dict[pathlib.Path, str] = {}

    def run(self) -> bool:
        """Runs unfinished jobs row by row; returns whether none failed."""
        for number, jobs in self.jobs.items():
            for job in jobs:
                # Tables take days: the output says how far they are.
                row = f"row {number + 1} of {len(self.table.rows)}"
                state = self._state(job) or "finished"
                print(f"{row}, {job.row.label}, seed {job.seed}: {state}", flush=True)
            self.write()
        # Data that is not prepared is no failure: the table says how to get it.
        failures = (CRASHED, REFUSED)
        states = self._states.values()
        return not any(state.startswith(failures) for state in states)

    def write(self) -> bool:
        """Writes the Markdown; returns whether no row is refused."""
        results: dict[int, list[dict[str, Any]]] = {}
        states: dict[int, str] = {}
        for number, jobs in self.jobs.items():
            for job in jobs:
                # A run that crashed in this command stays crashed, whatever lies there.
                state = self._states.get(job.result)
                if state is None:
                    state = _standing(job)
                if state:
                    # One reason per row is enough.
                    states.setdefault(number, state)
                elif (result := job.read_result()) is not None:
                    results.setdefault(number, []).append(result)
        text = markdown.to_markdown(
            self.table, results, states, self._smoke, self._protocol
        )
        with replacing(self.path) as partial:
            partial.write_text(text)
        return not any(state.startswith(REFUSED) for state in states.values())

    def finished(self) -> list[Job]:
        """Returns the jobs whose figures the table shows."""
        found = []
        for jobs in self.jobs.values():
            found += [job for job in jobs if not _standing(job)]
        return found

    def _state(self, job: Job) -> str:
        """Returns why the job has no figures, or nothing; runs it at most once."""
        if job.result not in self._states:
            self._states[job.result] = self._run(job)
        return self._states[job.result]

    def _run(self, job: Job) -> str:
        """Runs an unfinished job; returns why it has no figures, or nothing."""
        state = _standing(job)
        if not state.startswith((PENDING, STOPPED)):
            return state
        # A second stage starts from the weights of its first.
        if job.first_stage and (state := self._state(job.first_stage)):
            return state
        print(f"  {job.row.label}: training, see {job.log}", flush=True)
        code = run_in_process(job)
        if code == 0:
            return ""
        return f"{CRASHED}: {last_line(job.log) or f'exit status {code}'}"


def _standing(job: Job) -> str:
    """Returns why the job has no figures to show, or nothing; does not run it."""
    # Figures of a changed row are never shown as those of the row.
    try:
        job.check_unchanged()
        if job.first_stage:
            job.first_stage.check_unchanged()
    except JaxposeError as error:
        return f"{REFUSED}: {error}"
    if job.result.exists():
        return ""
    try:
        job.check_prepared()
    except NotPreparedError as error:
        return f"{NOT_PREPARED}: {error.command}"
    except JaxposeError as error:
        return f"{NOT_PREPARED}: {error}"
    return f"{STOPPED}: see {job.log}" if job.log.exists() else PENDING


def run_in_process(job: Job) -> int:
    """Runs the job in a process of its own and returns its exit status.

    A signal to this process stops the other one, too.
    """
    job.directory.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        return child.call("experiments.row", job, log)


def last_line(path: pathlib.Path) -> str:
    """Returns the last line of a log that is not empty, as a terminal would show it."""
    for line in reversed(path.read_text(errors="replace").splitlines()):
        # A progress bar overwrites its line after each carriage return.
        if shown := line.rpartition("\r")[2].strip():
            return shown
    return ""


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    description = "Trains the rows of a paper's table, or lists the tables."
    parser = argparse.ArgumentParser("python -m experiments.run", None, description)
    add = parser.add_argument
    add("table", nargs="*", metavar="TABLE", help="gla_gcn.table5; see --list")
    add("--table", dest="files", action="append", default=[], metavar="FILE.py")
    add("--workdir", metavar="DIR", help="directory of the runs, tables and pictures")
    add("--list", action="store_true", help="show tables, rows, data and cost")
    add("--smoke", action="store_true", help="toy models on synthetic data")
    add("--report", action="store_true", help="draw again, train nothing")
    add("--seeds", type=int, metavar="N", help="runs per row; default: the table's")
    add("--data_dir", metavar="DIR", help="TFDS data folder")
    add(
        "--protocol",
        choices=tuple(TRAINING_PROTOCOLS),
        default="paper",
        help="whom to train on (jaxpose/config.py); default: paper",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    flags = _parser().parse_args(argv)
    try:
        added = []
        for file in flags.files:
            added += add_tables(pathlib.Path(file).expanduser())
        # A file of one's own without names means all of its tables.
        flags.table = flags.table or added
        _check(flags)
        if flags.list and flags.table:
            listing.print_tables(flags.table, flags.data_dir, flags.protocol)
            return 0
        if flags.list:
            listing.print_index()
            return 0
        return 0 if _run_tables(flags) else 1
    except JaxposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(flags: argparse.Namespace) -> None:
    """Raises JaxposeError for flags that do not fit."""
    unknown = [name for name in flags.table if name not in TABLES]
    if unknown:
        known = ", ".join(TABLES)
        raise JaxposeError(f"no table {', '.join(unknown)}; there are {known}")
    if not flags.list and not flags.table:
        raise JaxposeError("name a table; --list shows them")
    if not flags.list and not flags.workdir:
        raise JaxposeError("--workdir=DIR is needed")
    if flags.seeds is not None and flags.seeds < 1:
        raise JaxposeError(f"--seeds={flags.seeds} must be at least 1")


def _run_tables(flags: argparse.Namespace) -> bool:
    """Runs the tables, or reports them; returns whether nothing failed."""
    workdir = open_workdir(os.path.expanduser(flags.workdir))
    # As an exception, SIGTERM reaches the process that trains.
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    succeeded = True
    try:
        for name in flags.table:
            succeeded &= _run_table(name, workdir, flags)
    finally:
        signal.signal(signal.SIGTERM, previous)
    return succeeded


def _run_table(name: str, workdir: pathlib.Path, flags: argparse.Namespace) -> bool:
    """Runs or reports one table, draws its pictures; returns whether all succeeded."""
    jobs = make_jobs(
        TABLES[name],
        workdir,
        flags.seeds,
        flags.data_dir,
        flags.smoke,
        flags.protocol,
    )
    runner = Runner(name, workdir, jobs, flags.smoke, flags.protocol)
    succeeded = runner.write() if flags.report else runner.run()
    finished = runner.finished()
    # The paper's figures and the sizes are known before anything is trained.
    windows = None
    if runner.table.over_frames:
        windows = runner.table, [job for seeds in jobs.values() for job in seeds]
    if not finished and not windows:
        print(runner.path)
        return succeeded
    # In a process of its own: JAX here would keep the accelerator from the next runs.
    pictures = workdir / name
    if child.call("experiments.report", (finished, pictures, windows)) != 0:
        print(f"{name}: not every picture could be drawn", file=sys.stderr)
        succeeded = False
    print(f"{runner.path}; pictures in {pictures}")
    return succeeded


if __name__ == "__main__":
    sys.exit(main())
