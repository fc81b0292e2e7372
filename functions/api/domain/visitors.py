"""Visitors: what their pages tell of them, who they are, and whether they may write."""

import re
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic_core import to_json
from support.caller import Caller
from support.errors import not_found
from support.ids import ULID
from support.store.stores import Stores
from support.values import timestamps
from support.values.visitor import Known, Visitor

from api.domain.ids import visitor_key
from api.http.requests.visitors import VisitorActivity, VisitorPatch

#: The maximum size of an object that a page tells, in bytes of JSON.
_MAX_OBJECT_BYTES = 8 * 1024


class Blocked(NamedTuple):
    """What is known of a visitor after a block or its end; `replayed` is true if it was so before."""

    known: Known
    replayed: bool


def require_own(caller: Caller, visitor_id: str) -> str:
    """Return a visitor's id that a path has. Raises `Refusal` (HTTP_404) if it is malformed or another visitor's."""
    if re.fullmatch(ULID, visitor_id) is None or caller.visitor_id not in {None, visitor_id}:
        raise not_found()
    return visitor_id


def patch_visitor(caller: Caller, visitor_id: str, told: VisitorPatch, stores: Stores, *, is_stored: bool) -> Known:
    """Store what a page tells of its visitor, and return what is known of them then.

    Without `is_stored` nothing is stored. Raises `Refusal` (UNAVAILABLE).
    """
    key = caller.key
    known = stores.visitors.read(key.website_id, key.mode, visitor_id, caller.deadline)
    page = {name: getattr(told, name) for name in told.model_fields_set if _fits(getattr(told, name))}
    visitor = new_visitor(caller, visitor_id)
    if is_stored:
        stores.visitors.tell(known.visitor, visitor, page, caller.deadline)
        before = known.visitor or visitor
        known = replace(known, visitor=replace(before, updated_at=visitor.updated_at), page=replace(known.page, **page))
    return _shown(known, visitor)


def record_activity(caller: Caller, visitor_id: str, activity: VisitorActivity, stores: Stores) -> str:
    """Store that a visitor is there, and on which page; return the time. Raises `Refusal` (UNAVAILABLE)."""
    visitor = new_visitor(caller, visitor_id)
    places = {"current_page": activity.current_page, "attribution": activity.attribution}
    page: dict[str, Any] = {name: place for name, place in places.items() if place is not None and _fits(place)}
    stores.visitors.see(replace(visitor, last_seen_at=visitor.created_at), page, caller.deadline)
    return visitor.created_at


def get_visitor(caller: Caller, visitor_id: str, stores: Stores) -> Known:
    """Read what is known of a visitor. Raises `Refusal`: HTTP_404 if that is nothing, or UNAVAILABLE."""
    known = stores.visitors.read(caller.key.website_id, caller.key.mode, visitor_id, caller.deadline)
    if known.visitor is None and known.gate is None:
        raise not_found()
    return known


def set_blocked(caller: Caller, visitor_id: str, user_id: str | None, stores: Stores, *, blocked: bool) -> Blocked:
    """Block a visitor, or let them write again; `user_id` is the team member who does, if one is named.

    Raises `Refusal` (UNAVAILABLE).
    """
    key, deadline = caller.key, caller.deadline
    if blocked:
        changed = stores.visitors.block(key.website_id, key.mode, visitor_id, user_id, deadline)
    else:
        changed = stores.visitors.unblock(key.website_id, key.mode, visitor_id, deadline)
    known = stores.visitors.read(key.website_id, key.mode, visitor_id, deadline)
    return Blocked(_shown(known, new_visitor(caller, visitor_id)), not changed)


def new_visitor(caller: Caller, visitor_id: str) -> Visitor:
    """Return the row of a visitor of whom nothing is known yet."""
    key, now = caller.key, timestamps.now()
    return Visitor(
        id=visitor_id,
        website_id=key.website_id,
        organization_id=key.organization_id,
        mode=key.mode,
        visitor_key=visitor_key(key, visitor_id),
        created_at=now,
        updated_at=now,
    )


def _shown(known: Known, unknown: Visitor) -> Known:
    """Return what is known of a visitor; of whom that is nothing is shown as somebody who is new."""
    return replace(known, visitor=unknown) if known.visitor is None and known.gate is None else known


def _fits(value: object) -> bool:
    return not isinstance(value, dict) or len(to_json(value)) <= _MAX_OBJECT_BYTES
