"""What Schemathesis can't know from the document."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import schemathesis
from schemathesis.generation.meta import TestPhase

from tests.samples import SOAK

#: Of the cases at the bounds of an operation's schema these are sent, from the first on, and then every n-th: two
#: operations have a thousand, for the same timeline items. With `make soak` all are.
_FIRST, _EVERY = 10, 20

#: The visitor of the calls, of whom the test has said who they are.
_WITH_CONTACT = "01JDEM0V1S1T0R000000000000"
_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
_OF_CONTACTS = ("POST /v1/contacts/identify", "PATCH /v1/visitors/{visitorId}/metadata")
_MAX_TEXT, _MAX_IMAGE, _FEW = 320, 2_048, 40

_cases_of_operation: Counter[str] = Counter()


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Sample the phase that tries each bound of a schema."""
    if case.meta is None or case.meta.phase.name is not TestPhase.COVERAGE or SOAK > 1:
        return True
    number = _cases_of_operation[case.operation.label]
    _cases_of_operation[case.operation.label] += 1
    return number < _FIRST or number % _EVERY == 0


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Keep to what no schema can say of a request."""
    # A cursor is one that an answer gave.
    if case.query and re.fullmatch("[A-Za-z0-9_-]+", str(case.query.get("cursor", ""))):
        del case.query["cursor"]
    # One that is not known is ignored: what is wrong about a query is the value of one that is.
    known = {parameter.name for parameter in case.operation.query}
    if unknown := (case.query or {}).keys() - known:
        case.query = {name: value for name, value in (case.query or {}).items() if name not in unknown}
        case.query |= dict.fromkeys(known & {"limit", "visitorId"}, "-")
    _keep_to_contacts(case)
    seen: set[object] = set()
    for item in _items(case.body):
        if not isinstance(item, dict):
            continue
        # An id stands once in a request; the examples are repeated up to the limit.
        if isinstance(item.get("id"), str) and item["id"]:
            if item["id"] in seen:
                del item["id"]
            else:
                seen.add(item["id"])
        # A time is not ahead of the clock; and an empty one is as good as none, which generators of clients would make
        # a type of its own of.
        if _is_ahead(item.get("createdAt")):
            item["createdAt"] = "2026-01-31T12:00:00Z"
        elif item.get("createdAt") == "":
            item["createdAt"] = "-"


def _keep_to_contacts(case: schemathesis.Case[Any]) -> None:
    """Name whom to find or identify, by what there is to say of them, and no token: none is valid."""
    label = case.operation.label
    query: Any = case.query
    body: Any = case.body
    parameters: Any = case.path_parameters or {}
    if label == "GET /v1/visitors":
        asked = [name for name in ("externalId", "email") if (query or {}).get(name)]
        if not asked:
            case.query = {**(query or {}), "externalId": "user-1"}
        elif len(asked) == 2 and all(_is_text(query[name]) for name in asked):
            del query["email"]
    if label == _OF_CONTACTS[1] and re.fullmatch(_ULID, str(parameters.get("visitorId"))):
        parameters["visitorId"] = _WITH_CONTACT
    if not isinstance(body, dict) or label not in _OF_CONTACTS:
        return
    if isinstance(body.get("identityToken"), str):
        del body["identityToken"]
    if isinstance(body.get("metadata"), dict):
        body["metadata"] = dict(list(body["metadata"].items())[:_FEW])
        body["metadata"].pop("identityToken", None)
    if isinstance(body.get("image"), str):
        # Together with others, the longest may take more bytes than a contact has.
        body["image"] = body["image"] if len(body["image"]) > _MAX_IMAGE else body["image"][:_FEW]
    if label == _OF_CONTACTS[0] and not body.get("externalId") and not body.get("email"):
        body["externalId"] = "user-1"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _items(body: Any) -> list[Any]:
    if not isinstance(body, dict):
        return []
    items = body.get("defaultTimelineItems")
    return [*(items if isinstance(items, list) else []), body.get("item")]


def _is_ahead(time: object) -> bool:
    try:
        return isinstance(time, str) and datetime.fromisoformat(time) > datetime.now(UTC)
    except (ValueError, TypeError):  # no time, or one of no zone
        return False
