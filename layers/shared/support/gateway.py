"""API Gateway's side of WebSocket connections: posts to clients (API Gateway, "@connections")."""

from urllib.parse import quote

from support.aws.client import Client, NoResponse
from support.aws.credentials import configured_region
from support.delivery import POST_SECONDS, Outcome
from support.observability import logger


class WebSocketGateway:
    """The connections of one stage of a WebSocket API. Threads may share it.

    Parameters
    ----------
    url
        The stage's own address, `https://<api>.execute-api.<region>.amazonaws.com/<stage>`.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._region = configured_region()
        # Connecting and reading each may take half of the time. What takes longest is left to the first post: a
        # handshake needs none.
        self._client = Client(POST_SECONDS / 2)

    def post(self, connection_id: str, message: bytes) -> Outcome:
        """Send a message to a connection."""
        url = f"{self._url}/@connections/{quote(connection_id, safe='')}"
        try:
            response = self._client.send("execute-api", self._region, "POST", url, {}, message)
        except NoResponse:
            return Outcome.BUSY
        if response.status < 300:
            return Outcome.POSTED
        if response.status == 410:
            return Outcome.GONE
        if response.status == 429 or response.status >= 500:
            return Outcome.BUSY
        # No access, a wrong address, a message that is too large: needs an operator, or is a bug.
        logger.error("gateway refused a message", extra={"status": response.status})
        return Outcome.REFUSED

    def disconnect(self) -> None:
        """Close the HTTP connections; the next post opens its own."""
        self._client.close()
