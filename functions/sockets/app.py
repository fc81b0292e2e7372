"""From an event of the WebSocket API to a rule, and from refusals to statuses and frames."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import to_json
from support.deadlines import Deadline
from support.errors import Code, Refusal, unexpected
from support.frames import encode, error_frame
from support.front import forbidden
from support.observability import Metric, describe, logger, measure, metrics
from support.store.connections import Connections

from sockets import events
from sockets.events import Closed, Established, Handshake, Message
from sockets.handshakes import Handshakes
from sockets.messages import Messages
from sockets.welcomes import Welcomes

Handler = Callable[[object, LambdaContext], dict[str, Any]]

_NOT_FOUND = {"statusCode": 404}


class WelcomeFailed(Exception):
    """A client could not be welcomed, and Lambda is to try it again. The log has the cause."""


class Sockets(NamedTuple):
    """What is done for events of each kind."""

    handshakes: Handshakes
    welcomes: Welcomes
    messages: Messages
    connections: Connections


def create_handler(sockets: Sockets, stage: str) -> Handler:
    """Build the Lambda handler; `stage` is the dimension of its metrics."""

    def handler(event: object, context: LambdaContext) -> dict[str, Any]:
        started = time.perf_counter()
        deadline = Deadline.of_invocation(context.get_remaining_time_in_millis())
        read = events.read(event)
        line: dict[str, object] = {"function_request_id": context.aws_request_id, "event": type(read).__name__}
        if (request_id := events.request_id(event)) is not None:
            line["request_id"] = request_id
        try:
            response = _serve(read, sockets, deadline, line)
        except Refusal as refusal:
            response = _refuse(read, refusal, line)
        except Exception as error:
            logger.error("unhandled_exception", extra={**line, **describe(error)})
            response = _refuse(read, unexpected(), line)
        if not isinstance(read, Message) or "code" in line:
            # Not for each ping: they are most of what comes.
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            logger.info("socket", extra={**line, "status": response["statusCode"], "milliseconds": milliseconds})
        if metrics.metric_set:
            metrics.add_dimension(name="stage", value=stage)
            metrics.flush_metrics()
        if isinstance(read, Established) and "code" in line:
            raise WelcomeFailed
        return response

    return handler


def _serve(event: events.Event | None, sockets: Sockets, deadline: Deadline, line: dict[str, object]) -> dict[str, Any]:
    """Do what an event asks for, and return the response to the gateway."""
    match event:
        case Handshake():
            connection = sockets.handshakes.connect(event, deadline)
            line |= {"website_id": connection.website_id, "mode": connection.mode, "key_type": connection.key_type}
            measure(Metric.CONNECTED)
        case Message():
            response = sockets.messages.receive(event, deadline)
            if response is not None:
                return _response(200, response)
        case Closed():
            sockets.connections.remove(event.connection_id, deadline)
        case Established():
            sockets.welcomes.welcome(event.connection_id, deadline)
        case None:
            return _NOT_FOUND
    return {"statusCode": 200}


def _refuse(event: events.Event | None, refusal: Refusal, line: dict[str, object]) -> dict[str, Any]:
    """Return the response to a refusal: a status before the upgrade, a frame after it."""
    line["code"] = refusal.code
    measure(Metric.REFUSED, detail=refusal.code)
    if refusal.code is Code.FRONT_REQUIRED:
        return forbidden()
    if isinstance(event, Message):
        return _response(200, encode(error_frame(refusal)))
    return _response(refusal.code.status, to_json(error_frame(refusal)))


def _response(status: int, body: bytes) -> dict[str, Any]:
    return {"statusCode": status, "body": body.decode()}
