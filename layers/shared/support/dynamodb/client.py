"""Calls DynamoDB: takes JSON, and returns a complete response or raises an error of DynamoDB or `NoResponse`."""

from support.aws.client import Client
from support.aws.credentials import configured_region
from support.aws.endpoints import dynamodb_url
from support.dynamodb.responses import Members, read_response

_CONTENT_TYPE = "application/x-amz-json-1.0"
_TARGET = "DynamoDB_20120810."


class DynamoDB:
    """DynamoDB at the endpoint that the environment configures. It is thread-safe.

    Parameters
    ----------
    timeout_seconds
        The timeout of connecting, and of each read.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._region = configured_region()
        self._url = dynamodb_url(self._region) + "/"
        self._client = Client(timeout_seconds)
        self._client.prepare(self._url)

    def call(self, operation: str, request: bytes) -> Members:
        """Send a request, as JSON, once, and return the members of the response.

        The request must ask for its consumed capacity (see `responses`). Raises `ErrorResponse` or `NoResponse`.
        """
        headers = {"Content-Type": _CONTENT_TYPE, "X-Amz-Target": _TARGET + operation}
        response = self._client.send("dynamodb", self._region, "POST", self._url, headers, request)
        return read_response(operation, response)

    def disconnect(self) -> None:
        """Close the connections; the next call opens its own."""
        self._client.close()
