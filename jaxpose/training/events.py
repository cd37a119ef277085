"""Files of events, which TensorBoard shows."""

import pathlib
import time
from typing import Any, Self

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2
from tensorboardX.summary import scalar

from jaxpose.whole_files import naming


class Events:
    """A new file of events in a folder.

    The `SummaryWriter` of tensorboardX writes in a thread, which ends where the disk is
    full; the program then waits for it without end. This one writes at once, and raises
    OSError with the name of the folder. A context manager: leaving it closes the file.
    """

    def __init__(self, folder: pathlib.Path, purge_step: int | None = None):
        """Opens the file, with which earlier events from `purge_step` on are void."""
        self._folder = folder
        with naming(folder):
            folder.mkdir(exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"))
        if purge_step is not None:
            self._write(step=purge_step, file_version="brain.Event:2")
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(step=purge_step, session_log=start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Adds a number after `step` updates."""
        self.add(scalar(name, value), step)

    def add(self, summary: Any, step: int | None = None) -> None:
        """Adds one of `tensorboardX.summary`."""
        self._write(step=step, summary=summary)

    def _write(self, **content: Any) -> None:
        event = event_pb2.Event(wall_time=time.time(), **content)
        with naming(self._folder):
            self._writer.write_event(event)

    def flush(self) -> None:
        """Puts everything on disk."""
        with naming(self._folder):
            self._writer.flush()

    def close(self) -> None:
        """Flushes and closes the file."""
        with naming(self._folder):
            self._writer.close()
