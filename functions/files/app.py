"""From an event to what becomes of files: a request for one over the HTTP API, or a batch of the queue's messages."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import from_json
from support import http_api
from support.aws.bucket import Bucket
from support.aws.services import Unreachable
from support.deadlines import Deadline, unavailable
from support.errors import Code, Refusal, not_found, unexpected
from support.files import Inspector
from support.front import Front, forbidden
from support.observability import Metric, describe, logger, measure, metrics
from support.store.files import FileStore
from support.values.file import FilePlace

from files.arrivals import Arrivals

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

#: For how long an address in the bucket is good, and for how long a browser goes there again without asking, in
#: seconds: a minute less, so that it never comes too late.
_ADDRESS_SECONDS = 300
_CACHED_SECONDS = 240
#: How long a message takes where the bucket is silent, in seconds, so that it is not begun in vain.
_MESSAGE_SECONDS = 3


class Files(NamedTuple):
    """Where files are: their objects, and their rows."""

    bucket: Bucket
    store: FileStore
    inspector: Inspector


def create_handler(bucket: Bucket, store: FileStore, stage: str, front: Front | None = None) -> Handler:
    """Build the Lambda handler, of the HTTP API (payload format 2.0) and of the queue; `stage` is of its metrics.

    With a front, requests that did not come through it are refused.
    """
    files = Files(bucket, store, Inspector(bucket, store))
    arrivals = Arrivals(*files)
    router = http_api.create_router()

    @router.get("/v1/files/<website_id>/<mode>/<conversation_id>/<file_id>")
    def lead(**_: str) -> Response[str]:
        return _serve(files, router.current_event.raw_event, router.lambda_context)

    @router.not_found
    def find_nothing(_: NotFoundError) -> Response[str]:
        return _refuse(not_found(), router.current_event.raw_event)

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            if "Records" in event:
                return _handle_batch(arrivals, event["Records"], context)
            request = http_api.read(event, context)
            if front is not None and not front.sent(request["headers"]):
                measure(Metric.REFUSED, detail=Code.FRONT_REQUIRED)
                return forbidden()
            return router.resolve(request, context)
        finally:
            if metrics.metric_set:
                metrics.add_dimension(name="stage", value=stage)
                metrics.flush_metrics()

    return handler


# Requests -------------------------------------------------------------------------------------------------------------


def _serve(files: Files, event: Mapping[str, Any], context: LambdaContext) -> Response[str]:
    """Return the response to a request for a file, whatever happens, and log and measure it."""
    started = time.perf_counter()
    line: dict[str, object] = {
        "request_id": event["requestContext"]["requestId"],
        "function_request_id": context.aws_request_id,
        "route": event["routeKey"],
    }
    try:
        response = _redirect(_address(files, event, Deadline.of_invocation(context.get_remaining_time_in_millis())))
        measure(Metric.READ, detail="getFile")
    except Refusal as refusal:
        response = _refuse(refusal, event)
        line["code"] = refusal.code
    except Unreachable as fault:
        response = _refuse(unavailable(), event)
        line["fault"] = str(fault)
    except Exception as error:
        response = _refuse(unexpected(), event)
        logger.error("unhandled_exception", extra={**line, **describe(error)})
    milliseconds = round((time.perf_counter() - started) * 1000, 2)
    logger.info("request", extra={**line, "status": response.status_code, "milliseconds": milliseconds})
    return response


def _address(files: Files, event: Mapping[str, Any], deadline: Deadline) -> str:
    """Return where in the bucket the file of a path can be read for a while.

    Raises `Refusal` (HTTP_404, UNAVAILABLE) or `Unreachable`.
    """
    place = FilePlace.of_url(f"https://host{event['rawPath']}")
    file = None if place is None else files.store.read(place, deadline)
    served = None if file is None else files.inspector.serve(file, deadline)
    if served is None or served.etag is None:
        raise not_found()
    key = served.place.copy_key(served.etag)
    return files.bucket.sign_get(key, served.content_type, served.disposition, _ADDRESS_SECONDS)


def _redirect(address: str) -> Response[str]:
    headers = {"Location": address, "Cache-Control": f"private, max-age={_CACHED_SECONDS}"}
    return Response(status_code=302, body="", headers=headers)


def _refuse(refusal: Refusal, event: Mapping[str, Any]) -> Response[str]:
    measure(Metric.REFUSED, detail=refusal.code)
    return http_api.error_response(refusal, event["requestContext"]["requestId"])


# Messages -------------------------------------------------------------------------------------------------------------


def _handle_batch(arrivals: Arrivals, messages: list[dict[str, Any]], context: LambdaContext) -> dict[str, Any]:
    """Handle messages, and return which ones are to be sent again (SQS's partial batch response)."""
    deadline = Deadline.of_invocation(context.get_remaining_time_in_millis())
    failed = []
    for message in messages:
        try:
            deadline.require(_MESSAGE_SECONDS)
            arrivals.handle(from_json(message["body"]), deadline)
        except (Refusal, Unreachable) as reason:
            fault = str(reason) if isinstance(reason, Unreachable) else "OutOfTime"
            logger.warning("file held", extra={"fault": fault})
            failed.append(message)
        except Exception as error:
            logger.error("unhandled_exception", extra=describe(error))
            measure(Metric.REFUSED, detail=unexpected().code)
            failed.append(message)
    return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}
