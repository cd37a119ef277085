"""Messages between processes: JSON objects, one per line, over a connection."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

# A message holds at most the first line of an error.
_LONGEST = 1 << 16


class Channel:
    """One end of a connection that carries messages; several threads may send.

    Attributes:
      socket: the connection.
    """

    def __init__(self, connection: socket.socket, silence: float):
        """Takes a connection, which is lost after `silence` seconds without a byte."""
        connection.settimeout(silence)
        self.socket = connection
        self._sending = threading.Lock()

    def send(self, **message: Any) -> None:
        """Sends a message; whoever has ended misses it."""
        line = json.dumps(message).encode() + b"\n"
        with self._sending, contextlib.suppress(OSError):
            self.socket.sendall(line)

    def receive(self) -> dict[str, Any]:
        """Returns the next message, and reads no byte behind it.

        Raises:
          TimeoutError: nothing came for too long.
          EOFError: the connection is closed, or another program answers.
        """
        line = bytearray()
        try:
            while not line.endswith(b"\n"):
                byte = self.socket.recv(1)
                if not byte or len(line) > _LONGEST:
                    raise EOFError
                line += byte
            message = json.loads(line)
        except TimeoutError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise EOFError from error
        if not isinstance(message, dict):
            raise EOFError
        return message


def in_background(function: Callable[..., object], *args: Any) -> None:
    """Calls a function in a thread that does not keep the program alive."""
    threading.Thread(target=function, args=args, daemon=True).start()
