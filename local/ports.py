"""Ports of this machine."""

import errno
import socket
from pathlib import Path


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


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _holder(port: int) -> str | None:
    """Name the process that listens on a port, if Linux tells us."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            _, local, _, state, *rest = line.split()
            if local.endswith(f":{port:04X}") and state == "0A":  # 0A is LISTEN
                inodes.add(f"socket:[{rest[5]}]")
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) in inodes:
                command = (
                    Path(f"/proc/{descriptor.parts[2]}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                )
                return f"process {descriptor.parts[2]} ({command[:80]})"
        except OSError:  # another user's process, or one that just ended
            continue
    return None
