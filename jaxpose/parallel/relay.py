"""A program that carries the traffic of JAX's client to the coordination service.

`python relay.py HOST PORT` prints the port at which it listens on this machine, and
ends when its standard input does, which is when its parent has ended. Where the service
is gone it keeps the client's connection open, because JAX aborts a process that sees it
break. It is a process of its own because JAX waits for that traffic while no Python of
its own process can run. It imports the standard library only.
"""

import contextlib
import os
import signal
import socket
import sys
import threading


def copy_bytes(source: socket.socket, target: socket.socket) -> None:
    """Copies what comes from one socket to another until either is closed."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)


def copy_and_close(source: socket.socket, target: socket.socket) -> None:
    """Copies from one socket to another, then ends the connection of the other."""
    copy_bytes(source, target)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def accept(listener: socket.socket, service: tuple[str, int]) -> None:
    """Connects the client with the service, as often as it asks."""
    kept_open = []
    while True:
        client = listener.accept()[0]
        kept_open.append(client)
        with contextlib.suppress(OSError):
            upstream = socket.create_connection(service)
            for function, ends in (
                (copy_bytes, (upstream, client)),
                (copy_and_close, (client, upstream)),
            ):
                threading.Thread(target=function, args=ends, daemon=True).start()


def main(host: str, port: int) -> None:
    """Relays until the parent has ended."""
    # A signal for the parent may reach its children; the parent decides.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener, (host, port)), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
