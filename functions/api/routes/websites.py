"""Websites: the settings that a widget needs."""

import re

from support.ids import ULID
from support.observability import Metric
from support.responses import WebsiteResponse, website_response
from support.store.stores import Stores

from api.domain.ids import new_ulid
from api.http.success import Success
from api.route import Request, Route


def _get(request: Request[None, None], _stores: Stores) -> Success:
    # A browser's storage may hold anything, so an invalid id is replaced and not rejected.
    sent = request.headers.get("x-visitor-id", "")
    visitor_id = sent if re.fullmatch(ULID, sent) else new_ulid()
    return Success(website_response(request.caller.key, visitor_id), items=1)


GET = Route(
    id="getWebsite",
    method="GET",
    path="/v1/websites",
    keys="any",
    visitor_required="never",
    response=WebsiteResponse,
    run=_get,
    metric=Metric.READ,
)
