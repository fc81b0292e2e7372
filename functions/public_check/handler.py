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
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

#: A request's, a handshake's and a frame's. A frame comes within about a second; so late, the feed is behind.
_SECONDS = 10

_ssm = boto3.client("ssm")


def handler(_event: object, _context: object) -> None:
    """Play a conversation over HTTP, and hear of its answer over a socket; raises `CheckFailedError`."""
    with step("key"):
        key = read_key(_ssm)
    check(os.environ["URL"], os.environ["SOCKET_URL"], key)


def check(url: str, socket_url: str, key: str, seconds: float = _SECONDS) -> None:
    """Check the API at two addresses, `url` without /v1; raises `CheckFailedError`.

    `seconds` is how long each request, the handshake and each frame may take.
    """
    with ExitStack() as stack:
        with step("connect"):
            # Not in the address, which others may log.
            socket = stack.enter_context(_connect(socket_url, key, seconds))
        with step("be welcomed"):
            _wait_for(socket, seconds, lambda frame: frame["type"] == "CONNECTION_ESTABLISHED")
        # With connections of its own: one of five minutes ago may be gone, which is no failure.
        http = stack.enter_context(urllib3.PoolManager(timeout=seconds, retries=False))
        play(partial(_request, http, url), key, partial(_hear, socket, seconds))


def _connect(url: str, key: str, seconds: float) -> ClientConnection:
    try:
        return connect(url, additional_headers={"Authorization": f"Bearer {key}"}, open_timeout=seconds)
    except InvalidStatus as refusal:
        raise CheckFailedError(f"the response was {refusal.response.status_code}") from None


def _request(
    http: urllib3.PoolManager, url: str, method: str, path: str, headers: Mapping[str, str], body: object
) -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    response = http.request(method, url + path, headers=headers, body=text)
    try:
        return response.status, response.json()
    except ValueError:  # of what is in front of the API
        return response.status, None


def _hear(socket: ClientConnection, seconds: float, conversation_id: str, item_id: str) -> None:
    def is_it(frame: Mapping[str, Any]) -> bool:
        if frame["type"] != "timelineItemCreated":
            return False
        told = frame["payload"]
        return (told["conversationId"], told["item"]["id"]) == (conversation_id, item_id)

    _wait_for(socket, seconds, is_it)


def _wait_for(socket: ClientConnection, seconds: float, is_it: Callable[[Mapping[str, Any]], bool]) -> None:
    """Raises `CheckFailedError` if a frame does not come in time, whatever else comes."""
    give_up = time.monotonic() + seconds
    while (left := give_up - time.monotonic()) > 0:
        try:
            frame = json.loads(socket.recv(timeout=left))
        except TimeoutError:
            break
        if is_it(frame):
            return
    raise CheckFailedError(f"it was not told within {seconds:g} seconds")
