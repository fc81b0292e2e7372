"""Whose conversations a request is about."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from support.errors import Code, Detail, Refusal
from support.http_api import Middleware
from support.validation import invalid

from api.http.requests.fields import NOT_A_ULID, ULID

#: Which calls are about one visitor: none, those with a public key, or all of them. Others are about the website.
About = Literal["none", "public", "all"]


def require_visitor(about: About) -> Middleware:
    """Return the middleware that finds out whose conversations a valid request is about.

    The context gets `visitor_id`, None for all of the website's.
    """

    def find(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        context = app.context
        visitor_id = None
        if about == "all" or (about == "public" and context["key"].type == "public"):
            sent = (getattr(context[part], "visitor_id", None) for part in ("query", "body"))
            visitor_id = visitor_of(next(filter(None, sent), None), context["headers"])
            context["report"].about(visitor_id)
        app.append_context(visitor_id=visitor_id)
        return next_middleware(app)

    return find


def visitor_of(sent: str | None, headers: Mapping[str, str]) -> str:
    """Return the visitor of a request: the one that query or body names, or else that of `X-Visitor-Id`.

    Raises `Refusal`: VISITOR_ID_REQUIRED, or VALIDATION_FAILED for a malformed header that is needed.
    """
    if sent:
        return sent
    header = headers.get("x-visitor-id", "")
    if not header:
        raise Refusal(Code.VISITOR_ID_REQUIRED, "Please send a visitorId, or X-Visitor-Id as a header.")
    if re.fullmatch(ULID, header) is None:
        raise invalid([Detail("X-Visitor-Id", NOT_A_ULID)])
    return header
