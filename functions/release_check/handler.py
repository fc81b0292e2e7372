"""The Lambda function that CodeDeploy runs before a new version gets its first request.

It invokes the new versions themselves: alarms see nothing where there is no traffic. Both functions are checked,
whichever of them is about to get traffic, since they are released together.
"""

import base64
import json
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from check.key import read_key
from check.loop import CheckFailedError, play, require, step

#: Longer than any of the functions may take (TimeoutSeconds).
_READ_SECONDS = 30
#: Lambda may refuse one, since it is busy. What the check writes it may write twice.
_ATTEMPTS = 2

_log = logging.getLogger(__name__)
_lambda = boto3.client("lambda", config=Config(read_timeout=_READ_SECONDS, retries={"total_max_attempts": _ATTEMPTS}))
_ssm = boto3.client("ssm")
_codedeploy = boto3.client("codedeploy")

#: Gives what a new version returns for an event.
_Invoke = Callable[[Mapping[str, Any]], Any]


def handler(event: dict[str, str], context: Any) -> None:
    """Check the new versions and tell CodeDeploy, which rolls back unless told `Succeeded`.

    A repetition checks again, with a conversation of its own.
    """
    status = "Failed"
    invoke = partial(_invoke, context.get_remaining_time_in_millis)
    try:
        with step("key"):
            key = read_key(_ssm)
        _check_sockets(partial(invoke, os.environ["NEW_SOCKETS_VERSION"]), key)
        play(partial(_request, partial(invoke, os.environ["NEW_VERSION"])), key)
        status = "Succeeded"
    except Exception:
        _log.exception("The new versions failed their check and get no traffic.")
    _codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )


def _through_the_front() -> dict[str, str]:
    """Return the header of a request that came through the front (support.front), if there is one."""
    secret = os.environ.get("FRONT_SECRET")
    return {"x-origin-verify": secret} if secret else {}


def _invoke(remaining_milliseconds: Callable[[], int], version: str, event: Mapping[str, Any]) -> Any:
    """Raises `CheckFailedError` if the version fails, or if there is no time for it: CodeDeploy waits for an hour."""
    # What is left then is enough to tell CodeDeploy.
    require(remaining_milliseconds() > 1000 * (_ATTEMPTS * _READ_SECONDS + 15), "it takes too long")
    result = _lambda.invoke(FunctionName=version, Payload=json.dumps(event))
    response = json.loads(result["Payload"].read())
    if "FunctionError" in result:
        raise CheckFailedError(f"the function failed: {response.get('errorType')}")
    return response


def _request(invoke: _Invoke, method: str, path: str, headers: Mapping[str, str], body: object) -> tuple[int, Any]:
    """Make a request by the event that the HTTP API would send, payload format 2.0."""
    context = {
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
        "requestId": f"check-{uuid.uuid4()}",
        "routeKey": f"{method} {path}",
        "stage": "$default",
    }
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {**headers, **_through_the_front()},
        "requestContext": context,
        "isBase64Encoded": False,
    }
    response = invoke(event if body is None else {**event, "body": json.dumps(body)})
    return response["statusCode"], json.loads(response["body"])


def _check_sockets(invoke: _Invoke, key: str) -> None:
    """Connect, send a ping and disconnect, by the events of a client that is not there: a real one gets the alias.

    Raises `CheckFailedError`.
    """
    # Of the form of API Gateway's own, so that what is sent to it is answered with "gone".
    connection = base64.urlsafe_b64encode(uuid.uuid4().bytes[:11]).decode()

    def send(event_type: str, route: str, **fields: object) -> dict[str, Any]:
        context = {
            "connectionId": connection,
            "eventType": event_type,
            "identity": {"sourceIp": "127.0.0.1"},
            "requestId": f"check-{uuid.uuid4()}",
            "routeKey": route,
            "stage": "ws",
        }
        response: dict[str, Any] = invoke({"requestContext": context, "isBase64Encoded": False, **fields})
        require(response["statusCode"] == 200, f"the response was {response['statusCode']}")
        return response

    with step("connect"):
        headers = {"authorization": f"Bearer {key}", **_through_the_front()}
        send("CONNECT", "$connect", multiValueHeaders={name: [value] for name, value in headers.items()})
    try:
        with step("ping"):
            require(send("MESSAGE", "$default", body="ping").get("body") == "pong", "there is no pong")
    finally:
        # Whatever else fails, no connection is left that nobody has.
        with step("disconnect"):
            send("DISCONNECT", "$disconnect")
