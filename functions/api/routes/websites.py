"""Websites: what a widget needs to show itself."""

import re

from support.responses import WebsiteAnswer, website_answer

from api.domain.ids import new_ulid
from api.http.requests.fields import ULID
from api.route import Description, Request, Route, Services, Success
from api.routes.words import ORIGIN_HEADER, READING


def _get(request: Request[None, None], _services: Services) -> Success:
    # A browser's storage may hold anything, so what is no ULID is no error here.
    sent = request.headers.get("x-visitor-id", "")
    visitor_id = sent if re.fullmatch(ULID, sent) else new_ulid()
    request.report.about(visitor_id)
    request.report.read("getWebsite", 1)
    return Success(website_answer(request.caller.key, visitor_id))


GET = Route(
    id="getWebsite",
    method="GET",
    path="/v1/websites",
    keys="any",
    is_counted=False,
    about="none",
    query=None,
    body=None,
    answer=WebsiteAnswer,
    run=_get,
    description=Description(
        tag="Websites",
        summary="Get the website",
        text="The website of the key, as operators have set it, who answers there, and an id for the visitor. Nothing "
        "is written: a visitor without an id keeps the one that is answered, and sends it from then on. A change is "
        "seen everywhere within a minute.",
        parameters=(
            {
                "name": "X-Visitor-Id",
                "in": "header",
                "description": "The visitor, if the widget knows one: a ULID. With anything else, or none, the answer "
                "has a new one.",
                "schema": {"type": "string"},
            },
            ORIGIN_HEADER,
        ),
        answered="The website.",
        refusals={status: meaning for status, meaning in READING.items() if status != 400},
    ),
)
