"""How the function calls itself, for what can't be done before it has returned."""

from urllib.parse import quote

from pydantic_core import to_json
from support.aws.client import Client, NoResponse
from support.aws.credentials import configured_region
from support.aws.endpoints import lambda_url

from sockets.events import ESTABLISHED

_ATTEMPTS = 2
_ACCEPTED = 202


class Invocations:
    """Asynchronous invocations of a function (Lambda API Reference, Invoke).

    Parameters
    ----------
    function_name
        Its name, or its name and alias.
    timeout_seconds
        After how many seconds connecting, and each read, is given up.
    """

    def __init__(self, function_name: str, timeout_seconds: float) -> None:
        self._region = configured_region()
        name = quote(function_name, safe="")
        self._url = f"{lambda_url(self._region)}/2015-03-31/functions/{name}/invocations"
        self._client = Client(timeout_seconds)

    def __call__(self, connection_id: str) -> bool:
        """Invoke it for a connection that is about to be made, and tell whether Lambda has accepted that.

        It may be invoked twice, after a silence of Lambda's.
        """
        headers, body = {"X-Amz-Invocation-Type": "Event"}, to_json({ESTABLISHED: connection_id})
        for _ in range(_ATTEMPTS):
            try:
                response = self._client.send("lambda", self._region, "POST", self._url, headers, body)
            except NoResponse:
                continue
            if response.status == _ACCEPTED:
                return True
        return False
