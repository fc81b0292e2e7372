"""API-key authentication, as a step before each route."""

from typing import Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from support.authentication import find_key, require_allowed_origin
from support.deadlines import Deadline
from support.errors import Code, Refusal
from support.http_api import Middleware
from support.store.api_keys import KeyRing


def require_key(keys: KeyRing, accepted: Literal["any", "private"]) -> Middleware:
    """Return the middleware that authenticates a request, before anything about its body is said.

    The context gets `headers`, `deadline` and `key`.
    """

    def authenticate(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        headers, report = app.current_event.raw_event["headers"], app.context["report"]
        deadline = Deadline.of_invocation(app.lambda_context.get_remaining_time_in_millis())
        report.sent(headers)
        key = find_key(headers, keys, deadline)
        report.called_by(key)
        require_allowed_origin(headers, key)
        if accepted == "private" and key.type != "private":
            raise Refusal(Code.PRIVATE_KEY_REQUIRED, "This needs a private API key, from a server.")
        report.end("authentication")
        app.append_context(key=key, headers=headers, deadline=deadline)
        return next_middleware(app)

    return authenticate
