"""Connections between the processes of a run, which tell at once when one ends.

JAX's coordination service aborts the processes, from C++, when the first one is gone,
when one has the id of another, or when its port is in use. So they meet before they
start JAX, at the address that is meant for its service:

    process 0                           process 1
    listens at HOST:PORT   <----------  says who it is
                           ---------->  all have come
    beats and farewells    <--------->  beats and farewells
    JAX's service          <- relay --  JAX's client

These connections stay, and the end of a process is noticed by them. The relay
(`jaxpose.parallel.relay`) carries JAX's traffic. It hides a broken connection from JAX
until this process has said what happened and has left.
"""

import atexit
import contextlib
import errno
import pathlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection

from jaxpose.errors import JaxposeError
from jaxpose.parallel.messages import Channel, in_background

# Seconds: how long to wait for the others, until that is said, between two tries and
# two beats, and without a beat until a process counts as lost.
_PATIENCE = 120.0
_QUIET = 5.0
_RETRY = 0.2
_BEAT = 5.0
SILENCE = 30.0


class Link:
    """This process's connections to the others: all to the first, the first to all.

    Attributes:
      process: which of them this is.
      address: where JAX's client finds the coordination service.
      bind_address: where the first process starts the service.
    """

    address: str
    bind_address: str | None = None

    def __init__(self, process: int, on_loss: Callable[[str], None]):
        """Calls `on_loss`, in a thread, with a message when another process ended."""
        self.process = process
        self._on_loss = on_loss
        self._changed = threading.Condition()
        self._channels: dict[int, Channel] = {}
        in_background(self._beat)
        # Runs before JAX's own farewell, where the processes wait for each other.
        atexit.register(self._tell_all, kind="goodbye")

    def leave(self, message: str) -> None:
        """Gives the others the message with which this process ends before its time."""
        self._tell_all(kind="leaves", message=message)

    def _tell_all(self, **message: str | int) -> None:
        """Sends a message to all who are connected to this process."""
        with self._changed:
            channels = list(self._channels.values())
        for channel in channels:
            channel.send(**message)

    def _beat(self) -> None:
        """Shows the others, again and again, that this process is alive."""
        while True:
            self._tell_all(kind="beat")
            time.sleep(_BEAT)

    def _watch(self, process: int, channel: Channel) -> str | None:
        """Reads what a process says to its end; returns a message about that.

        None stands for a process that has said goodbye.
        """
        is_done = False
        try:
            while True:
                message = channel.receive()
                if message.get("kind") == "goodbye":
                    is_done = True
                elif message.get("kind") == "leaves":
                    return str(message.get("message"))
        except TimeoutError:
            return loss(f"process {process} has not answered for {SILENCE:.0f} s")
        except EOFError:
            return None if is_done else loss(f"process {process} is gone")


class _First(Link):
    """The connections of process 0: the others come to it."""

    def __init__(self, port: int, processes: int, on_loss: Callable[[str], None]):
        """Waits until all are there; raises JaxposeError if that cannot be."""
        super().__init__(0, on_loss)
        self._processes = processes
        self._is_complete = False
        self._problem: str | None = None
        listener = _listen(port)
        with socket.create_server(("", 0)) as free:
            self._service_port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self._service_port}"
        self.bind_address = f"[::]:{self._service_port}"
        in_background(self._accept, listener)
        self._wait()

    def _wait(self) -> None:
        """Returns when all have come; raises JaxposeError if that cannot be."""
        waiting = _Waiting()
        with self._changed:
            while self._problem is None:
                missing = set(range(1, self._processes)) - self._channels.keys()
                if not missing:
                    self._is_complete = True
                    break
                if waiting.is_over(f"process {_listed(missing)} of this run"):
                    self._problem = (
                        f"process {_listed(missing)} did not come in {_PATIENCE:.0f} s"
                    )
                self._changed.wait(_RETRY)
        if self._problem is None:
            self._tell_all(kind="complete", service_port=self._service_port)
            return
        self.leave(self._problem)
        raise JaxposeError(f"the processes do not come together: {self._problem}")

    def _accept(self, listener: socket.socket) -> None:
        """Answers all who connect, as long as this process lives."""
        while True:
            with contextlib.suppress(OSError):
                in_background(self._answer, listener.accept()[0])

    def _answer(self, connection: socket.socket) -> None:
        """Greets whoever connects; takes in a process."""
        channel = Channel(connection, SILENCE)
        channel.send(kind="jaxpose")
        with contextlib.suppress(TimeoutError, EOFError, OSError):
            message = channel.receive()
            process, processes = message.get("process"), message.get("processes")
            if isinstance(process, int) and isinstance(processes, int):
                self._join(channel, process, processes)

    def _join(self, channel: Channel, process: int, processes: int) -> None:
        """Takes in a process, and watches it to its end."""
        problem = None
        with self._changed:
            if process == 0 or process in self._channels:
                problem = f"two of them have --process_id={process}"
            elif processes != self._processes:
                problem = (
                    f"process {process} was started with --num_processes={processes}, "
                    f"process 0 with {self._processes}"
                )
            if problem is None:
                self._channels[process] = channel
            else:
                # It is told first: this process may end as soon as the lock is free.
                channel.send(kind="leaves", message=problem)
                if not self._is_complete:
                    self._problem = problem
            self._changed.notify_all()
        if problem is not None:
            return
        message = self._watch(process, channel)
        with self._changed:
            del self._channels[process]
        # One that ended before all had come may come again.
        if message is not None and self._is_complete:
            self.leave(message)
            self._on_loss(message)


class _Other(Link):
    """The connection of any other process: that to process 0."""

    def __init__(
        self,
        first: tuple[str, int],
        processes: int,
        process: int,
        on_loss: Callable[[str], None],
    ):
        """Waits until all are there; raises JaxposeError if that cannot be."""
        super().__init__(process, on_loss)
        self._first = first
        channel = self._connect()
        channel.send(process=process, processes=processes)
        self._channels[0] = channel
        service_port = self._wait(channel)
        in_background(self._watch_first, channel)
        # The relay ends with this process, whose end closes the pipe between them.
        program = pathlib.Path(__file__).with_name("relay.py")
        self._relay = subprocess.Popen(
            [sys.executable, "-I", program, first[0], str(service_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._relay.stdout is not None  # it is a pipe
        self.address = f"127.0.0.1:{int(self._relay.stdout.readline())}"

    def _connect(self) -> Channel:
        """Returns a connection to process 0, which may start later than this one."""
        where = "{}:{}".format(*self._first)
        waiting = _Waiting()
        while True:
            try:
                return _greeted(self._first)
            except (OSError, UnicodeError) as error:
                if waiting.is_over(f"process 0 of this run at {where} ({error})"):
                    raise JaxposeError(
                        f"process 0 of this run does not answer at {where}: {error}"
                    ) from error
            except EOFError:
                raise JaxposeError(
                    f"another program answers at {where}; give --coordinator a free "
                    "port of the host of process 0"
                ) from None
            time.sleep(_RETRY)

    def _wait(self, channel: Channel) -> int:
        """Returns the port of JAX's service when all have come.

        Raises:
          JaxposeError: that cannot be.
        """
        problem = "process 0 is gone"
        with contextlib.suppress(TimeoutError, EOFError):
            while True:
                message = channel.receive()
                if message.get("kind") == "complete":
                    return int(message["service_port"])
                if message.get("kind") == "leaves":
                    problem = str(message.get("message"))
                    break
        raise JaxposeError(f"the processes do not come together: {problem}")

    def _watch_first(self, channel: Channel) -> None:
        """Watches process 0 to its end."""
        if (message := self._watch(0, channel)) is not None:
            self._on_loss(message)


class _Waiting:
    """Counts the time that this process waits for others, and says so once."""

    def __init__(self) -> None:
        """Begins to count."""
        self._began = time.monotonic()
        self._is_said = False

    def is_over(self, what: str) -> bool:
        """Returns whether to wait no longer; `what` is waited for."""
        seconds = time.monotonic() - self._began
        if seconds > _QUIET and not self._is_said:
            print(f"waiting for {what}", file=sys.stderr, flush=True)
            self._is_said = True
        return seconds > _PATIENCE


def meet(
    coordinator: str, processes: int, process: int, on_loss: Callable[[str], None]
) -> Link:
    """Connects this process with the others, and returns when all are there.

    Args:
      coordinator: `host:port` of process 0.
      processes: how many there are.
      process: which of them this is, from 0.
      on_loss: is called, in a thread, with a message when another process has ended.

    Raises:
      JaxposeError: numbers that cannot be, a port in use, two processes of one id,
        others that do not come, or that were started for another number of processes.
    """
    if not 0 <= process < processes:
        raise JaxposeError(
            f"--process_id={process} must be from 0 to --num_processes - 1, and "
            f"--num_processes is {processes}"
        )
    host, _, number = coordinator.rpartition(":")
    if not host or not number.isdecimal() or not 0 < int(number) < 1 << 16:
        raise JaxposeError(
            f"--coordinator={coordinator} must be HOST:PORT, with a port up to 65535"
        )
    port = int(number)
    if process == 0:
        return _First(port, processes, on_loss)
    return _Other((host.strip("[]"), port), processes, process, on_loss)


def loss(reason: str) -> str:
    """Returns the message that another process has ended."""
    return (
        f"another process of this run has ended ({reason}); start the same command "
        "again on every host, and it resumes from the last checkpoint"
    )


def _listen(port: int) -> socket.socket:
    """Returns a socket that listens at a port, on all addresses of this machine.

    Raises:
      JaxposeError: the port is in use, or this user may not use it.
    """
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        return socket.create_server(("", port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise JaxposeError(
                f"cannot listen at port {port} of --coordinator: {error.strerror}"
            ) from error
    # Another process 0 is told, because it waits for one that will not come.
    user = "another program"
    with contextlib.suppress(OSError, EOFError):
        channel = _greeted(("localhost", port))
        channel.send(process=0, processes=0)
        channel.receive()
        user = "another process 0"
    raise JaxposeError(
        f"port {port} of --coordinator is in use by {user} on this machine; give each "
        "run a port of its own, and each process of a run its own --process_id"
    )


def _greeted(first: tuple[str, int]) -> Channel:
    """Returns a connection to process 0, which has greeted.

    Raises:
      OSError: nobody answers.
      EOFError: another program does.
    """
    connection = socket.create_connection(first, timeout=_QUIET)
    # A connection to a free port of this machine can meet itself.
    if connection.getsockname() == connection.getpeername():
        connection.close()
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens there")
    channel = Channel(connection, _QUIET)
    try:
        if channel.receive().get("kind") != "jaxpose":
            raise EOFError
    except TimeoutError as error:
        raise EOFError from error
    connection.settimeout(SILENCE)
    return channel


def _listed(processes: Collection[int]) -> str:
    """Returns the numbers of the first few of several processes."""
    numbers = [str(process) for process in sorted(processes)]
    return ", ".join(numbers[:8]) + (", ..." if len(numbers) > 8 else "")
