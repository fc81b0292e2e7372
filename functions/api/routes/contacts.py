"""Contacts: who visitors are, and finding visitors by it."""

from support.observability import Metric
from support.responses import (
    IdentifiedResponse,
    VisitorResponse,
    VisitorsResponse,
    identified_response,
    visitor_response,
)
from support.store.stores import Stores

from api.domain.contacts import find_visitors, identify, patch_metadata
from api.domain.visitors import require_own
from api.http.actor import actor_of
from api.http.requests.contacts import ContactMetadataPatch, IdentifyRequest, VisitorsQuery
from api.http.success import Success
from api.route import Request, Route
from api.routes.visitors import MAX_BODY_BYTES


def _identify(request: Request[None, IdentifyRequest], stores: Stores) -> Success:
    caller = request.caller
    identified = identify(caller, request.body, _actor(request), stores)
    return Success(identified_response(caller.key, caller.visitor, identified.known), identified.replayed)


def _patch_metadata(request: Request[None, ContactMetadataPatch], stores: Stores) -> Success:
    caller = request.caller
    visitor_id = require_own(caller, request.parameters["visitorId"])
    patched = patch_metadata(
        caller, visitor_id, request.body, _actor(request), stores, is_stored=not request.over_limit
    )
    return Success(visitor_response(caller.key, visitor_id, patched.known), patched.replayed)


def _find(request: Request[VisitorsQuery, None], stores: Stores) -> Success:
    key = request.caller.key
    found = find_visitors(request.caller, request.query, stores)
    response: VisitorsResponse = {"visitors": [visitor_response(key, id_, known) for id_, known in found]}
    return Success(response, items=len(found))


def _actor(request: Request[None, IdentifyRequest] | Request[None, ContactMetadataPatch]) -> str | None:
    return actor_of(request.headers) if request.caller.key.type == "private" else None


IDENTIFY = Route(
    id="identifyVisitor",
    keys="any",
    visitor_required="always",
    limit="identify",
    body=IdentifyRequest,
    response=IdentifiedResponse,
    run=_identify,
    metric=Metric.CHANGED,
    max_body_bytes=MAX_BODY_BYTES,
)

PATCH_METADATA = Route(
    id="patchContactMetadata",
    keys="any",
    visitor_required="public_key",
    limit="signals",
    body=ContactMetadataPatch,
    response=VisitorResponse,
    run=_patch_metadata,
    metric=Metric.CHANGED,
    max_body_bytes=MAX_BODY_BYTES,
)

FIND = Route(
    id="findVisitors",
    keys="private",
    visitor_required="never",
    query=VisitorsQuery,
    response=VisitorsResponse,
    run=_find,
    metric=Metric.READ,
)
