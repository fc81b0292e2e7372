"""The Lambda function that checks the API every five minutes, as a customer reaches it: by its address, with a socket.

It raises what fails, so that Lambda's own metric of errors is that of the check.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import boto3
import urllib3
from check.key import read_key
from check.loop import CheckFailedError, play, step
from websockets.sync.client import ClientConnection, connect

#: A request's, a handshake's and a frame's. A frame comes within about a second; so late, the feed is behind.
_SECONDS = 10

_ssm = boto3.client("ssm")
_http = urllib3.PoolManager(timeout=_SECONDS, retries=False)


def handler(_event: object, _context: object) -> None:
    """Play a conversation over HTTP, and hear of its answer over a socket; raises `CheckFailedError`."""
    with step("key"):
        key = read_key(_ssm)
    check(os.environ["URL"], os.environ["SOCKET_URL"], key)


def check(url: str, socket_url: str, key: str) -> None:
    """Check the API at two addresses, `url` without /v1; raises `CheckFailedError`."""
    with ExitStack() as stack:
        with step("connect"):
            # Not in the address, which others may log.
            headers = {"Authorization": f"Bearer {key}"}
            socket = stack.enter_context(connect(socket_url, additional_headers=headers, open_timeout=_SECONDS))
        with step("be welcomed"):
            _wait_for(socket, lambda frame: frame["type"] == "CONNECTION_ESTABLISHED")
        play(partial(_request, url), key, partial(_hear, socket))


def _request(url: str, method: str, path: str, headers: Mapping[str, str], body: object) -> tuple[int, Any]:
    response = _http.request(method, url + path, headers=headers, body=None if body is None else json.dumps(body))
    try:
        return response.status, response.json()
    except ValueError:  # of what is in front of the API
        return response.status, None


def _hear(socket: ClientConnection, conversation_id: str, item_id: str) -> None:
    def is_it(frame: Mapping[str, Any]) -> bool:
        if frame["type"] != "timelineItemCreated":
            return False
        told = frame["payload"]
        return (told["conversationId"], told["item"]["id"]) == (conversation_id, item_id)

    _wait_for(socket, is_it)


def _wait_for(socket: ClientConnection, is_it: Callable[[Mapping[str, Any]], bool]) -> None:
    """Raises `CheckFailedError` if a frame does not come in time, whatever else comes."""
    give_up = time.monotonic() + _SECONDS
    while (left := give_up - time.monotonic()) > 0:
        try:
            frame = json.loads(socket.recv(timeout=left))
        except TimeoutError:
            break
        if is_it(frame):
            return
    raise CheckFailedError(f"it was not told within {_SECONDS} seconds")
