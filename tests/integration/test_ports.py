"""local/ports.py: what `make run` listens on."""

import asyncio
import socket

import pytest

from local.ports import PortTakenError, free_port, listen


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


def test_a_port_that_is_taken_is_named_with_the_variable_to_set() -> None:
    port = free_port()

    with (
        listen(port),
        pytest.raises(PortTakenError, match=rf"Port {port}: Address already in use.* make run PORT={port + 1}$"),
    ):
        listen(port)
