"""Services of AWS's that take JSON, and SQS, which two functions use.

A response counts only if it is whole: one that was cut short would mean "done".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import SchemaValidator, ValidationError, to_json
from pydantic_core.core_schema import str_schema, typed_dict_field, typed_dict_schema

from support.aws.client import Client, NoResponse

BROKEN = "BrokenResponse"


class Unreachable(Exception):
    """A call that was not carried out, or may not have been. The text names the fault, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of AWS's that takes JSON, by its name in signatures and its URL."""

    name: str
    region: str
    url: str
    client: Client

    def call(self, target: str, content_type: str, request: dict[str, Any], response: SchemaValidator) -> Any:
        """Send a request once, and return its response. Raises `Unreachable`."""
        headers = {"Content-Type": content_type, "X-Amz-Target": target}
        try:
            found = self.client.send(self.name, self.region, "POST", self.url, headers, to_json(request))
            if found.status != HTTPStatus.OK:
                raise Unreachable(f"HTTP {found.status}")
            return response.validate_json(found.body)
        except NoResponse as fault:
            raise Unreachable(str(fault)) from None
        except ValidationError:
            raise Unreachable(BROKEN) from None


class Queue:
    """An SQS queue, by its URL."""

    def __init__(self, url: str, region: str, client: Client) -> None:
        self._url = url
        parts = urlsplit(url)
        self._service = Service("sqs", region, f"{parts.scheme}://{parts.netloc}/", client)

    def send(self, message: Mapping[str, Any], delay_seconds: int = 0) -> None:
        """Send a message, whose body is JSON, and which nobody gets before a delay of up to 900 seconds.

        Raises `Unreachable`: then it may have been sent.
        """
        body = to_json(message).decode()
        response = self._service.call(
            "AmazonSQS.SendMessage",
            "application/x-amz-json-1.0",
            {"QueueUrl": self._url, "MessageBody": body, "DelaySeconds": delay_seconds},
            _SEND_MESSAGE,
        )
        if response["MD5OfMessageBody"] != md5(body.encode(), usedforsecurity=False).hexdigest():
            raise Unreachable(BROKEN)


_SEND_MESSAGE = SchemaValidator(typed_dict_schema({"MD5OfMessageBody": typed_dict_field(str_schema())}))
