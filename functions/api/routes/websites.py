"""Websites: the settings that a widget needs."""

import re

from support.caller import Caller
from support.errors import Refusal
from support.ids import ULID
from support.observability import Metric
from support.responses import WebsiteResponse, website_response
from support.store.stores import Stores
from support.values.visitor import Person

from api.domain.ids import new_ulid
from api.domain.people import find_people
from api.http.success import Success
from api.route import Request, Route


def _get(request: Request[None, None], stores: Stores) -> Success:
    # A browser's storage may hold anything, so an invalid id is replaced and not rejected.
    sent = request.headers.get("x-visitor-id", "")
    if re.fullmatch(ULID, sent) is None:
        return Success(website_response(request.caller.key, new_ulid(), Person()), items=1)
    return Success(website_response(request.caller.key, sent, _read_person(request.caller, sent, stores)), items=1)


def _read_person(caller: Caller, visitor_id: str, stores: Stores) -> Person:
    try:
        return find_people(caller, [visitor_id], stores)[visitor_id]
    except Refusal:
        # Without this response a page has no widget at all; who the visitor is matters less.
        return Person()


GET = Route(
    id="getWebsite",
    keys="any",
    visitor_required="never",
    response=WebsiteResponse,
    run=_get,
    metric=Metric.READ,
)
