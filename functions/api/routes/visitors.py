"""Visitors: what their pages tell of them, reading it, and blocking them."""

from typing import Literal

from support.observability import Metric
from support.responses import AcceptedResponse, VisitorResponse, visitor_response
from support.store.stores import Stores
from support.values import timestamps

from api.domain.visitors import get_visitor, patch_visitor, record_activity, require_own, set_blocked
from api.http.actor import actor_of
from api.http.requests.visitors import VisitorActivity, VisitorPatch
from api.http.success import Success
from api.route import Request, Route

MAX_BODY_BYTES = 65_536


def _patch(request: Request[None, VisitorPatch], stores: Stores) -> Success:
    caller = request.caller
    visitor_id = require_own(caller, request.parameters["visitorId"])
    known = patch_visitor(caller, visitor_id, request.body, stores, is_stored=not request.over_limit)
    return Success(visitor_response(caller.key, visitor_id, known))


def _tell(request: Request[None, VisitorActivity], stores: Stores) -> Success:
    caller = request.caller
    visitor_id = require_own(caller, request.parameters.get("visitorId", caller.visitor_id or ""))
    response: AcceptedResponse = {"ok": True, "acceptedAt": timestamps.now()}
    if not request.over_limit:
        response["acceptedAt"] = record_activity(caller, visitor_id, request.body, stores)
    return Success(response)


def _get(request: Request[None, None], stores: Stores) -> Success:
    caller = request.caller
    visitor_id = require_own(caller, request.parameters["visitorId"])
    return Success(visitor_response(caller.key, visitor_id, get_visitor(caller, visitor_id, stores)), items=1)


def _block_route(id_: str, verb: Literal["block", "unblock"]) -> Route[None, None]:
    def run(request: Request[None, None], stores: Stores) -> Success:
        caller, actor = request.caller, actor_of(request.headers)
        visitor_id = require_own(caller, request.parameters["visitorId"])
        done = set_blocked(caller, visitor_id, actor, stores, blocked=verb == "block")
        return Success(visitor_response(caller.key, visitor_id, done.known), done.replayed)

    return Route(
        id=id_,
        keys="private",
        visitor_required="never",
        response=VisitorResponse,
        run=run,
        metric=Metric.CHANGED,
    )


PATCH = Route(
    id="patchVisitor",
    keys="any",
    visitor_required="public_key",
    limit="signals",
    body=VisitorPatch,
    response=VisitorResponse,
    run=_patch,
    metric=Metric.CHANGED,
    max_body_bytes=MAX_BODY_BYTES,
)

TELL = Route(
    id="recordActivity",
    keys="any",
    visitor_required="public_key",
    limit="signals",
    body=VisitorActivity,
    response=AcceptedResponse,
    run=_tell,
    metric=Metric.CHANGED,
    max_body_bytes=MAX_BODY_BYTES,
)

TELL_OWN = Route(
    id="recordOwnActivity",
    keys="any",
    visitor_required="always",
    limit="signals",
    body=VisitorActivity,
    response=AcceptedResponse,
    run=_tell,
    metric=Metric.CHANGED,
    max_body_bytes=MAX_BODY_BYTES,
)

GET = Route(
    id="getVisitor",
    keys="private",
    visitor_required="never",
    response=VisitorResponse,
    run=_get,
    metric=Metric.READ,
)

BLOCK = _block_route("blockVisitor", "block")
UNBLOCK = _block_route("unblockVisitor", "unblock")
