"""The HTTP API: its routes, what stands before each of them, and from refusals to statuses."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from support import http_api
from support.dynamodb.table import Table, Usage
from support.errors import Code, Refusal, not_found
from support.http_api import Middleware
from support.observability import describe, logger
from support.rate_limits import RateLimiter
from support.settings import Settings
from support.store.api_keys import KeyRing
from support.store.conversations import ConversationStore

from api.domain.caller import Caller
from api.http.authentication import require_key
from api.http.bodies import read_body
from api.http.queries import read_query
from api.http.rate_limits import count_call, quota_headers
from api.http.request_log import Report
from api.http.visitor import require_visitor
from api.route import AnyRoute, Request, Services
from api.routes import ROUTES

Handler = Callable[[object, LambdaContext], dict[str, Any]]

STATUS = {
    Code.INVALID_JSON: 400,
    Code.VALIDATION_FAILED: 400,
    Code.VISITOR_ID_REQUIRED: 400,
    Code.API_KEY_MISSING: 401,
    Code.INVALID_API_KEY: 401,
    Code.ORIGIN_REQUIRED: 403,
    Code.ORIGIN_NOT_ALLOWED: 403,
    Code.PRIVATE_KEY_REQUIRED: 403,
    Code.HTTP_404: 404,
    Code.CONVERSATION_ID_CONFLICT: 409,
    Code.ITEM_ID_CONFLICT: 409,
    Code.CONVERSATION_CLOSED: 409,
    Code.CONVERSATION_NOT_RESOLVED: 409,
    Code.STATUS_CONFLICT: 409,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL_ERROR: 500,
    Code.UNAVAILABLE: 503,
}


def create_handler(table: Table, keys: KeyRing, limiter: RateLimiter, settings: Settings) -> Handler:
    """Build the Lambda handler of the HTTP API (payload format 2.0) over a table."""
    app = http_api.create_router()
    services = Services(ConversationStore(table, settings.retention_days))

    def before(route: AnyRoute) -> list[Middleware]:
        """Return what a request goes through before the route runs, in this order."""
        return [
            require_key(keys, route.keys),
            *([count_call(limiter)] if route.is_counted else []),
            *([read_query(route.query)] if route.query is not None else []),
            *([read_body(route.body, route.max_body_bytes)] if route.body is not None else []),
            require_visitor(route.about),
        ]

    def add(route: AnyRoute) -> None:
        def run(**parameters: str) -> Response[Any]:
            context, report = app.context, app.context["report"]
            caller = Caller(context["key"], context["visitor_id"], context["deadline"])
            request = Request(caller, context["headers"], parameters, context["query"], context["body"], report)
            success = route.run(request, services)
            report.end("route")
            replayed = {"Idempotent-Replayed": "true"} if success.replayed else {}
            response = http_api.json_response(200, success.body, replayed)
            report.end("answer")
            return response

        app.route(http_api.pattern(route.path), route.method, middlewares=before(route))(run)

    for route in ROUTES:
        add(route)

    def refused(refusal: Refusal) -> Response[Any]:
        report = app.context["report"]
        report.refused(refusal.code)
        response = http_api.error_response(STATUS[refusal.code], refusal, report.request_id)
        if (counter := app.context.get("counter")) is not None:
            response.headers.update(quota_headers(limiter.quota(counter)))
        return response

    @app.exception_handler(Refusal)
    def refuse(refusal: Refusal) -> Response[Any]:
        return refused(refusal)

    @app.not_found
    def find_nothing(_: NotFoundError) -> Response[Any]:
        return refused(not_found())

    @app.exception_handler(Exception)
    def fail(error: Exception) -> Response[Any]:
        logger.error("defect", extra={"request_id": app.context["report"].request_id, **describe(error)})
        return refused(
            Refusal(Code.INTERNAL_ERROR, "Something went wrong on our side. Please quote the requestId to support.")
        )

    def handler(event: object, context: LambdaContext) -> dict[str, Any]:
        table.usage = Usage()
        request = http_api.read(event, context)
        report = Report(request, context, settings.stage)
        app.append_context(report=report, query=None, body=None)
        result = app.resolve(request, context)
        report.emit(result["statusCode"], table.usage)
        return result

    return handler
