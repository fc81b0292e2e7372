"""The HTTP API: routes, and from errors to statuses. Transport only; the rules are in `service`."""

import base64
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.typing import LambdaContext
from conversations import http_api
from conversations.answers import answer
from conversations.deadlines import Deadline
from conversations.errors import Code, Refusal
from conversations.keys import ApiKey, KeyRing
from conversations.observability import describe, logger
from conversations.settings import Settings
from conversations.table import Table, Usage

from api.authentication import find_key, require_allowed_origin
from api.idempotency import parse_key
from api.rate_limits import WINDOW_SECONDS, Quota, RateLimiter
from api.reports import Report
from api.service import Call, open_conversation
from api.store import ConversationStore
from api.validation import parse_request, visitor_id

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
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.RATE_LIMITED: 429,
    Code.INTERNAL_ERROR: 500,
    Code.UNAVAILABLE: 503,
}

#: What the answer itself, and the line in the log, still need when the database has had its time.
_ANSWER_SECONDS = 0.5


def create_handler(table: Table, keys: KeyRing, limiter: RateLimiter, settings: Settings) -> Handler:
    """Build the Lambda handler of the HTTP API (payload format 2.0) over a table."""
    app = http_api.create_router()
    store = ConversationStore(table)

    def require_key(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        """Authenticate before anything about the body is said."""
        headers, report = app.current_event.raw_event["headers"], app.context["report"]
        deadline = Deadline.after(app.lambda_context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS)
        report.sent(headers)
        key = find_key(headers, keys, deadline)
        report.called_by(key)
        require_allowed_origin(headers, key)
        report.lap("authentication")
        app.append_context(key=key, headers=headers, deadline=deadline)
        return next_middleware(app)

    def limit_rate(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        """Refuse an address over its limit; count every other's call, whatever it comes to, and tell what is left."""
        source = app.current_event.raw_event["requestContext"]["http"]["sourceIp"]
        counter = limiter.counter(app.context["key"], source, app.context["headers"].get("x-forwarded-for", ""))
        if counter is None:
            return next_middleware(app)
        app.append_context(counter=counter)
        limiter.require_quota(counter)
        with limiter.counting(counter):
            response = next_middleware(app)
        app.context["report"].lap("counter")
        return with_quota(response)

    @app.post("/v1/conversations", middlewares=[require_key, limit_rate])
    def create_conversation() -> Response[Any]:
        headers, report = app.context["headers"], app.context["report"]
        _require_json(headers.get("content-type", ""))
        body = _body(app.current_event.raw_event)
        request = parse_request(body)
        visitor = visitor_id(request, headers.get("x-visitor-id", ""))
        idempotency_key = parse_key(headers["idempotency-key"]) if "idempotency-key" in headers else None
        report.received(len(body), visitor)
        report.lap("validation")
        key: ApiKey = app.context["key"]
        call = Call(key, visitor, request, idempotency_key, settings.retention_days[key.mode], app.context["deadline"])
        opened = open_conversation(call, store)
        report.opened(opened)
        report.lap("conversation")
        response = http_api.json_response(
            200,
            answer(opened.conversation, opened.items, opened.last_message, key.type),
            {} if opened.is_new or opened.written else {"Idempotent-Replayed": "true"},
        )
        report.lap("answer")
        return response

    def refused(refusal: Refusal) -> Response[Any]:
        report = app.context["report"]
        report.refused(refusal.code)
        return with_quota(http_api.error_response(STATUS[refusal.code], refusal, report.request_id))

    def with_quota(response: Response[Any]) -> Response[Any]:
        if (counter := app.context.get("counter")) is not None:
            response.headers.update(_quota_headers(limiter.quota(counter)))
        return response

    @app.exception_handler(Refusal)
    def refuse(refusal: Refusal) -> Response[Any]:
        return refused(refusal)

    @app.not_found
    def find_nothing(_: NotFoundError) -> Response[Any]:
        return refused(http_api.not_found())

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
        app.append_context(report=report)
        result = app.resolve(request, context)
        report.emit(result["statusCode"], table.usage)
        return result

    return handler


def _require_json(content_type: str) -> None:
    media_type = content_type.split(";")[0].strip().lower()
    if media_type not in {"", "application/json"}:
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON, sent with `Content-Type: application/json`.")


def _body(event: dict[str, Any]) -> bytes:
    body: str = event["body"]
    try:
        return base64.b64decode(body, validate=True) if event["isBase64Encoded"] else body.encode()
    except ValueError:  # base64 and UTF-8 alike
        raise Refusal(Code.INVALID_JSON, "The body is not UTF-8 text.") from None


def _quota_headers(quota: Quota) -> dict[str, str]:
    """Say what is left of a limit (IETF draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": f'"address";q={quota.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"address";r={quota.remaining};t={quota.resets_in}',
    }
