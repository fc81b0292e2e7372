"""Ports of this machine."""

import errno
import socket
import sys
from contextlib import suppress


class PortError(Exception):
    """A port can't be listened on."""


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Return a socket that listens on a port; raises `PortError`, which names the holder of one that is taken."""
    # By this protocol asyncio knows a connection on which answers must not wait for acknowledgements (TCP_NODELAY).
    bound = socket.socket(proto=socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE:
            raise PortError(f"Port {port} can't be listened on: {error.strerror}.") from error
        holder = _holder(port)
        raise PortError(f"Port {port} is taken{f' by {holder}' if holder else ''}.") from error
    return bound


def free_from(start: int, host: str = "127.0.0.1", taken: int | None = None) -> int:
    """Return the first port from `start` on, `taken` aside, that can be listened on; raises `PortError`."""
    for port in range(start, 65536):
        if port != taken:
            try:
                listen(port, host).close()
            except PortError:
                continue
            return port
    raise PortError(f"No port from {start} on is free.")


#: What keeps the ports of `free_port` from others, as long as this process lasts.
_held: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nobody listens on, for a process that can't be given port 0 and asked.

    On Linux it stays ours: the system gives a port to nobody else while a socket is bound to it, and another one that
    allows so (SO_REUSEADDR, as servers do) may listen on it as long as the first does not (socket(7)).
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    port: int = bound.getsockname()[1]
    if sys.platform == "linux":
        _held.append(bound)
    else:
        bound.close()
    return port


def _holder(port: int) -> str | None:
    """Name the process that listens on a port, if the system tells us."""
    import psutil  # which the benchmark's environment, that wants free ports alone, does without

    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
                for connection in process.net_connections("tcp")
            ):
                return f"process {process.pid} ({' '.join(process.cmdline())[:80]})"
    return None
