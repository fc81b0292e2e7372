"""Ports of this machine."""

import socket


class PortTakenError(Exception):
    """The port is not to be had: most often another process listens on it."""


def listen(port: int, host: str = "127.0.0.1", variable: str = "PORT") -> socket.socket:
    """Return a socket that listens on a port; raises `PortTakenError`, naming the variable to set."""
    # By this protocol asyncio knows a connection on which answers must not wait for acknowledgements (TCP_NODELAY).
    bound = socket.socket(proto=socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise PortTakenError(
            f"Port {port}: {error.strerror}. Stop what listens on it, or choose another one: "
            f"make run {variable}={port + 1}"
        ) from error
    return bound


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
