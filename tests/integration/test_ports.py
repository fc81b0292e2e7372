"""local/ports.py: what `make run` listens on."""

import asyncio
import errno
import os
import socket
import sys

import pytest

from local.ports import PortError, free_from, free_port, listen


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """With it, each request of a kept connection would take 40 ms more."""

    async def no_delay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        port = free_port()
        async with await asyncio.start_server(accepted, sock=listen(port)):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return await found

    assert asyncio.run(no_delay())


def test_a_port_that_is_taken_is_named_with_its_holder() -> None:
    port = free_port()

    with listen(port), pytest.raises(PortError, match=rf"Port {port} is taken by process {os.getpid()} "):
        listen(port)


def test_a_port_that_may_not_be_used_is_not_called_taken() -> None:
    # An address of no machine (RFC 5737): what a privileged port is to an account, another error than "in use".
    with pytest.raises(PortError, match=r"Port 3000 can't be listened on: \w+"):
        listen(3000, host="192.0.2.1")


@pytest.mark.skipif(sys.platform != "linux", reason="there a port is free, and no more")
def test_a_free_port_is_kept_for_whoever_listens_on_it_and_from_all_others() -> None:
    port = free_port()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    for host in ("127.0.0.1", ""):
        with listen(port, host), socket.create_connection(("127.0.0.1", port)):
            pass


def test_the_next_free_port_is_one_that_nobody_has_or_is_about_to_have() -> None:
    port = free_port()

    with listen(port):
        after = free_from(port)
        assert after > port
        assert free_from(port, taken=after) > after
