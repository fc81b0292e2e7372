"""The HTTP API: its routes, and the pipeline that a request goes through."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from support import http_api
from support.caller import Caller
from support.deadlines import Deadline
from support.dynamodb.table import Table, Usage
from support.errors import Code, Refusal, not_found, unexpected
from support.front import Front, forbidden
from support.observability import describe, logger
from support.rate_limits import RateLimiter
from support.settings import Settings
from support.store.api_keys import KeyRing
from support.store.stores import Stores

from api.files import Files
from api.http.authentication import authenticate
from api.http.bodies import Body, decode_body, parse_body
from api.http.queries import parse_query
from api.http.rate_limits import quota_headers
from api.http.request_log import RequestLog
from api.http.visitor import find_visitor
from api.live import Connect, Live
from api.live import connect as connect_to_environment
from api.registrations import REGISTRATIONS, Registration
from api.route import AnyRoute, Limit, Request
from api.routes import load

Handler = Callable[[object, LambdaContext], dict[str, Any]]

#: How many times as often as it may write an address may tell what is worth nothing later.
_SIGNALS_FOR_A_WRITE = 10


def create_handler(
    table: Table,
    keys: KeyRing,
    limiter: RateLimiter,
    settings: Settings,
    connect: Connect | None = None,
    front: Front | None = None,
) -> Handler:
    """Build the Lambda handler of the HTTP API (payload format 2.0) over a table.

    `connect` is that of `Live`; without one, what the environment names is connected to. With a front, a request that
    did not come through it is refused before anything of it is looked at.
    """
    router = http_api.create_router()
    live = Live(connect or partial(connect_to_environment, settings))
    pipeline = _Pipeline(table, keys, limiter, settings, live)

    def add(route_id: str, registration: Registration) -> None:
        def run(**parameters: str) -> Response[str]:
            return pipeline.serve(load(route_id), router.current_event.raw_event, router.lambda_context, parameters)

        router.route(http_api.pattern(registration.path), registration.method)(run)

    for route_id, registration in REGISTRATIONS.items():
        add(route_id, registration)

    @router.not_found
    def find_nothing(_: NotFoundError) -> Response[str]:
        return pipeline.serve_nothing(router.current_event.raw_event, router.lambda_context)

    def handler(event: object, context: LambdaContext) -> dict[str, Any]:
        request = http_api.read(event, context)
        if front is not None and not front.sent(request["headers"]):
            return pipeline.forbid(request, context)
        return router.resolve(request, context)

    return handler


class _Pipeline:
    """Takes a request from its event to its response, by way of a route."""

    def __init__(self, table: Table, keys: KeyRing, limiter: RateLimiter, settings: Settings, live: Live) -> None:
        self._table = table
        self._live = live
        self._files = Files(settings)
        self._keys = keys
        self._limiters: Mapping[Limit | None, RateLimiter] = {
            None: limiter.apart("", 0),
            "writes": limiter,
            "identify": limiter.apart("IDENTIFY"),
            "signals": limiter.apart("SIGNALS", _SIGNALS_FOR_A_WRITE),
        }
        self._stage = settings.stage
        self._stores = Stores.over(table, settings.retention_days)

    def serve(
        self, route: AnyRoute, event: Mapping[str, Any], context: LambdaContext, parameters: Mapping[str, str]
    ) -> Response[str]:
        """Return the response to a request, whatever happens, and log and measure it.

        Parameters
        ----------
        event
            As `http_api.read` gives it.
        parameters
            Those of the path.
        """
        log = RequestLog(event, context, self._stage)
        self._table.usage = usage = Usage()
        headers = event["headers"]
        deadline = Deadline.of_invocation(context.get_remaining_time_in_millis())
        limiter, counter = self._limiters[route.limit], None
        try:
            log.set_trace_id(headers)
            # First of all: without a valid key nothing is said about the rest of a request.
            key = authenticate(headers, self._keys, route.keys, deadline)
            log.set_key(key)
            log.end("authentication")
            source_ip = event["requestContext"]["http"]["sourceIp"]
            counter = limiter.counter(key, source_ip, headers.get("x-forwarded-for", ""))
            over_limit = not route.rate_limited and counter is not None and not limiter.quota(counter).remaining
            with nullcontext() if counter is None or over_limit else limiter.counting(counter):
                query = None if route.query is None else parse_query(event["queryStringParameters"], route.query)
                body = None if route.body is None else _read_body(route.body, route.max_body_bytes, event, log)
                visitor_id = find_visitor(route.visitor_required, key.type, headers, query, body)
                log.set_visitor(visitor_id)
                caller = Caller(key, visitor_id, deadline)
                request = Request(caller, headers, parameters, query, body, self._live, self._files, over_limit)
                response = self._run(route, request, log)
            if counter is not None:
                log.end("counter")
        except Refusal as refusal:
            response = self._refuse(refusal, log)
        except Exception as error:
            logger.error("unhandled_exception", extra={"request_id": log.request_id, **describe(error)})
            response = self._refuse(unexpected(), log)
        if counter is not None and route.rate_limited:
            response.headers.update(quota_headers(limiter.quota(counter)))
        log.emit(response.status_code, usage)
        return response

    def serve_nothing(self, event: Mapping[str, Any], context: LambdaContext) -> Response[str]:
        """Return the response to a request whose path and method are not those of a route, and log and measure it."""
        log = RequestLog(event, context, self._stage)
        response = self._refuse(not_found(), log)
        log.emit(response.status_code, Usage())
        return response

    def forbid(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Return the response to a request that did not come through the front, and log and measure it."""
        log = RequestLog(event, context, self._stage)
        log.refuse(Code.FRONT_REQUIRED)
        response = forbidden()
        log.emit(response["statusCode"], Usage())
        return response

    def _run(self, route: AnyRoute, request: Request[Any, Any], log: RequestLog) -> Response[str]:
        success = route.run(request, self._stores)
        log.end("route")
        log.succeed(route.id, route.metric, success, getattr(request.query, "limit", None))
        replayed = {"Idempotent-Replayed": "true"} if success.replayed else {}
        response = http_api.json_response(route.status, success.body, replayed)
        log.end("response")
        return response

    @staticmethod
    def _refuse(refusal: Refusal, log: RequestLog) -> Response[str]:
        log.refuse(refusal.code)
        return http_api.error_response(refusal, log.request_id)


def _read_body(model: type[Body], max_bytes: int, event: Mapping[str, Any], log: RequestLog) -> Body:
    sent = decode_body(event, max_bytes)
    body = parse_body(sent, model, max_bytes)
    log.set_body_size(len(sent))
    log.end("validation")
    return body
