"""The limit by address, as a step before each route that counts, and in the headers of its response."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from support.http_api import Middleware
from support.rate_limits import WINDOW_SECONDS, Quota, RateLimiter


def count_call(limiter: RateLimiter) -> Middleware:
    """Return the middleware that refuses an address over its limit, and counts every other's call.

    A call counts whatever it comes to, and its answer tells what is left. The context gets the `counter`, if any.
    """

    def count(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        source = app.current_event.raw_event["requestContext"]["http"]["sourceIp"]
        counter = limiter.counter(app.context["key"], source, app.context["headers"].get("x-forwarded-for", ""))
        if counter is None:
            return next_middleware(app)
        app.append_context(counter=counter)
        limiter.require_quota(counter)
        with limiter.counting(counter):
            response = next_middleware(app)
        app.context["report"].end("counter")
        response.headers.update(quota_headers(limiter.quota(counter)))
        return response

    return count


def quota_headers(quota: Quota) -> dict[str, str]:
    """Say what is left of a limit (IETF draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": f'"address";q={quota.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"address";r={quota.remaining};t={quota.resets_in}',
    }
