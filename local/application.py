"""All that one port serves: the HTTP API, the WebSocket API with its @connections, and the services behind them."""

import logging

import uvicorn

from local.gateway import Gateway, Message, Receive, Response, Send, headers_of, read, respond
from local.services import Services
from local.sockets import MAX_MESSAGE, Sockets


class Application:
    """The ASGI application of `make run`."""

    def __init__(self, gateway: Gateway, sockets: Sockets, services: Services) -> None:
        self._gateway = gateway
        self._sockets = sockets
        self._services = services

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a WebSocket, or answer a request."""
        if scope["type"] == "websocket":
            await self._sockets.connect(scope, receive, send)
        elif self._sockets.manages(scope["path"]) or self._services.serves(scope["path"], headers_of(scope)):
            try:
                body = await read(receive)
            except ConnectionError:
                return
            await respond(send, await self._answer(scope, body), request_id="")
        else:
            await self._gateway(scope, receive, send)

    async def _answer(self, scope: Message, body: bytes | None) -> Response:
        path, headers = scope["path"], headers_of(scope)
        if body is None:
            return Response(413)
        if self._sockets.manages(path):
            return await self._sockets.manage(scope["method"], path, headers, body)
        return await self._services.serve(path, headers, body)


def _is_no_refused_handshake(record: logging.LogRecord) -> bool:
    """Uvicorn takes a handshake that was refused for one that was forgotten; the refusal has a line of its own."""
    return record.msg != "ASGI callable returned without completing handshake."


def server_config(application: Application) -> uvicorn.Config:
    """Return how uvicorn serves it: as API Gateway does, where that differs."""
    logging.getLogger("uvicorn.error").addFilter(_is_no_refused_handshake)
    return uvicorn.Config(
        application,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=None,  # API Gateway sends none
        ws_per_message_deflate=False,  # nor does it compress
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
