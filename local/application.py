"""All that one port serves: the HTTP API, the WebSocket API with its @connections, and the services behind them."""

from local.gateway import Answer, Gateway, Message, Receive, Send, headers_of, read, respond
from local.services import Services
from local.sockets import Sockets


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

    async def _answer(self, scope: Message, body: bytes | None) -> Answer:
        path, headers = scope["path"], headers_of(scope)
        if body is None:
            return Answer(413)
        if self._sockets.manages(path):
            return await self._sockets.manage(scope["method"], path, headers, body)
        return await self._services.serve(path, headers, body)
