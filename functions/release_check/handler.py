"""The Lambda function that CodeDeploy runs before a new version gets its first request.

It opens a conversation and repeats the call, through the new version itself: alarms see nothing where there is no
traffic. It uses a test key, so its conversations expire as all conversations of test keys do.
"""

import json
import logging
import os
import uuid
from typing import Any

import boto3

_VISITOR = "00000000000000RE1EASECHECK"

_log = logging.getLogger(__name__)
_lambda = boto3.client("lambda")
_ssm = boto3.client("ssm")
_codedeploy = boto3.client("codedeploy")


class CheckFailedError(Exception):
    """The new version does not serve requests as it should."""


def handler(event: dict[str, str], _context: object) -> None:
    """Check the version that `NEW_VERSION` names and tell CodeDeploy, which rolls back unless told `Succeeded`."""
    status = "Failed"
    try:
        check(os.environ["NEW_VERSION"], _key())
        status = "Succeeded"
    except Exception:
        _log.exception("The new version failed its check and gets no traffic.")
    _codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )


def check(version: str, key: str) -> None:
    """Create and replay a conversation with one message through a version, given by its ARN.

    Raises `CheckFailedError` if it is not created, not found again, or if the two responses differ.
    """
    body = json.dumps(
        {
            "visitorId": _VISITOR,
            "conversationId": f"release-check-{uuid.uuid4()}",
            "defaultTimelineItems": [{"id": "hello", "text": "Hello"}],
        }
    )
    created, replayed = (_post(version, key, body) for _ in range(2))
    if "Idempotent-Replayed" in created["headers"] or "Idempotent-Replayed" not in replayed["headers"]:
        raise CheckFailedError("The first response must create a conversation, and the second one replay it.")
    if json.loads(created["body"]) != json.loads(replayed["body"]):
        raise CheckFailedError("The response to the replay differs from the response to the creation.")


def _post(version: str, key: str, body: str) -> dict[str, Any]:
    result = _lambda.invoke(FunctionName=version, Payload=json.dumps(_event(key, body)))
    response = json.loads(result["Payload"].read())
    if "FunctionError" in result:
        raise CheckFailedError(f"The function failed: {response.get('errorType')}")
    if response["statusCode"] != 200:
        raise CheckFailedError(f"The response was {response['statusCode']} {json.loads(response['body']).get('code')}.")
    return response  # type: ignore[no-any-return]


def _event(key: str, body: str) -> dict[str, Any]:
    """Build the HTTP API's event for a request, payload format 2.0."""
    path = "/v1/conversations"
    route = f"POST {path}"
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": f"Bearer {key}", "content-type": "application/json", **_front()},
        "requestContext": {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
            "requestId": f"release-check-{uuid.uuid4()}",
            "routeKey": route,
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _front() -> dict[str, str]:
    """Return what the front would add to a request (`support.front`), if there is one."""
    secret = os.environ.get("FRONT_SECRET")
    return {"x-origin-verify": secret} if secret else {}


def _key() -> str:
    name = os.environ["KEY_PARAMETER"]
    try:
        return str(_ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except _ssm.exceptions.ParameterNotFound:
        raise CheckFailedError(
            f"Put a private test key into the SSM parameter {name} (SecureString): docs/deploy.md#the-hooks-key."
        ) from None
