"""Runs a table of a paper: trains each row, scores it, and writes the paper's figures beside ours.

    python -m experiments.run --list
    python -m experiments.run gla_gcn.table5 --workdir=runs/tables
    python -m experiments.run gla_gcn.table5 --workdir=runs/smoke --smoke

The table is written to `DIR/<table>.md` after every row, its pictures to `DIR/<table>/`. Each run
is a process of its own in `DIR/runs`, shared by all tables that have it; the same command goes
on where it stopped, and leaves alone what is finished.
"""

import argparse
import os
import pathlib
import signal
import sys

from experiments import child, listing, markdown
from experiments.job import Job, make_jobs, prepare_command
from experiments.tables import TABLES
from jaxpose.errors import JaxposeError
from jaxpose.training.workdirs import open_workdir

PENDING, STOPPED, NOT_PREPARED = "not run yet", "not finished", "not prepared"
REFUSED, CRASHED = "refused", "crashed"


class Runner:
    """Runs the jobs of one table and keeps its Markdown up to date."""

    def __init__(
        self, name: str, workdir: pathlib.Path, jobs: dict[int, list[Job]], smoke: bool
    ):
        """`jobs` by number of the row, one a seed."""
        self.table, self.jobs = TABLES[name], jobs
        self.path = workdir / f"{name}.md"
        self._smoke = smoke
        self._states: dict[
            pathlib.Path, str
        ] = {}  # by result: what became of it in this command

    def run(self) -> bool:
        """Runs what is not finished, row by row; returns whether nothing crashed or was refused."""
        for number, jobs in self.jobs.items():
            for job in jobs:
                label = f"row {number + 1} of {len(self.table.rows)}, {job.row.label}, seed {job.seed}"
                print(f"{label}: {self._state(job) or 'finished'}", flush=True)
            self.write()
        return not any(
            state.startswith((CRASHED, REFUSED)) for state in self._states.values()
        )

    def write(self) -> bool:
        """Writes the Markdown from the results there are; returns whether no row is refused."""
        results, states = {}, {}
        for number, jobs in self.jobs.items():
            standings = [
                self._states[job.result]
                if job.result in self._states
                else _standing(job)
                for job in jobs
            ]
            finished = [
                job.read_result()
                for job, state in zip(jobs, standings, strict=True)
                if not state
            ]
            if finished:
                results[number] = finished
            if missing := [state for state in standings if state]:
                states[number] = missing[0]
        partial = self.path.with_suffix(".partial")
        partial.write_text(
            markdown.to_markdown(self.table, results, states, self._smoke)
        )
        partial.replace(self.path)
        return not any(state.startswith(REFUSED) for state in states.values())

    def finished(self) -> list[Job]:
        """The jobs whose figures the table shows."""
        return [job for row in self.jobs.values() for job in row if not _standing(job)]

    def _state(self, job: Job) -> str:
        if job.result not in self._states:
            self._states[job.result] = self._run(job)
        return self._states[job.result]

    def _run(self, job: Job) -> str:
        """Runs the job unless it is finished; returns why it has no figures, or nothing."""
        if not (state := _standing(job)).startswith((PENDING, STOPPED)):
            return state
        if job.first_stage and (state := self._state(job.first_stage)):
            return state
        print(f"  {job.row.label}: training, see {job.log}", flush=True)
        code = run_in_process(job)
        return (
            ""
            if code == 0
            else f"{CRASHED}: {last_line(job.log) or f'exit status {code}'}"
        )


def _standing(job: Job) -> str:
    """Why the job has no figures to show, or nothing; without running it."""
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
    except JaxposeError as error:
        return f"{NOT_PREPARED}: {prepare_command(error)}"
    return f"{STOPPED}: see {job.log}" if job.log.exists() else PENDING


def run_in_process(job: Job) -> int:
    """Runs the job in a process of its own, which a signal to this one stops; returns its exit status."""
    job.directory.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        return child.call("experiments.row", job, log)


def last_line(path: pathlib.Path) -> str:
    """The last line that is not empty, without what a progress bar overwrote."""
    lines = [
        line.rpartition("\r")[2].strip()
        for line in path.read_text(errors="replace").splitlines()
    ]
    return next((line for line in reversed(lines) if line), "")


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.run", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "table", nargs="*", metavar="TABLE", help="gla_gcn.table5; see --list"
    )
    parser.add_argument(
        "--workdir", metavar="DIR", help="directory of the runs, tables and pictures"
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="show the tables (or TABLE), rows, data and cost",
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="toy models on synthetic data: does it run?",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="draw tables and pictures again, train nothing",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="runs a row (default: the table's own number)",
    )
    parser.add_argument(
        "--data_dir", default="", metavar="DIR", help="TFDS data folder"
    )
    flags = parser.parse_args(argv)
    try:
        _check(flags)
        if flags.list:
            listing.print_tables(flags.table or TABLES, flags.data_dir)
            return 0
        return 0 if _run_tables(flags) else 1
    except JaxposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check(flags: argparse.Namespace) -> None:
    if unknown := [name for name in flags.table if name not in TABLES]:
        raise JaxposeError(
            f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}"
        )
    if not flags.list and not flags.table:
        raise JaxposeError("name a table; --list shows them")
    if not flags.list and not flags.workdir:
        raise JaxposeError("--workdir=DIR is needed")
    if flags.seeds is not None and flags.seeds < 1:
        raise JaxposeError(f"--seeds={flags.seeds} must be at least 1")


def _run_tables(flags: argparse.Namespace) -> bool:
    workdir = open_workdir(os.path.expanduser(flags.workdir))
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    succeeded = True
    try:
        for name in flags.table:
            jobs = make_jobs(
                TABLES[name], workdir, flags.seeds, flags.data_dir, flags.smoke
            )
            runner = Runner(name, workdir, jobs, flags.smoke)
            succeeded &= runner.write() if flags.report else runner.run()
            # In a process of its own: JAX would keep the accelerator from the next table's runs.
            finished = runner.finished()
            if finished and child.call(
                "experiments.report", (finished, workdir / name)
            ):
                print(f"{name}: not every picture could be drawn", file=sys.stderr)
                succeeded = False
            print(
                f"{runner.path}{f'; pictures in {workdir / name}' if finished else ''}"
            )
    finally:
        signal.signal(signal.SIGTERM, previous)
    return succeeded


if __name__ == "__main__":
    sys.exit(main())
