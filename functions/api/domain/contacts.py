"""Contacts: who visitors say they are, what of it is proven, and finding visitors by it.

A contact belongs to one visitor. Nobody is merged with anybody: whoever names somebody's account or address gets
nothing of theirs to see, and the team sees a claim as a claim.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple, get_args

from pydantic_core import to_json
from support.caller import Caller
from support.dynamodb.actions import ConditionFailed
from support.errors import Code, Detail, Refusal, visitor_blocked
from support.responses import MAX_RESPONSE_ITEMS_BYTES, visitor_response
from support.store.stores import Stores
from support.store.visitors import ALL_ROWS, CONTACT_ROWS
from support.validation import invalid
from support.values import timestamps
from support.values.api_key import ApiKey
from support.values.keyed_hash import contact_hash
from support.values.metadata import Metadata, exceeded_limit
from support.values.metadata_hash import metadata_hash
from support.values.stored_form import camel_case
from support.values.visitor import MAX_CONTACT_BYTES, Gate, Known, Provable, Visitor, lookup_pk

from api.domain.ids import new_ulid
from api.domain.visitors import new_visitor
from api.http.requests.contacts import ContactMetadataPatch, IdentifyRequest, VisitorsQuery

_PROVABLE: Sequence[Provable] = get_args(Provable)
_FIELDS = ("external_id", "email", "name", "image")
_MAX_FOUND = 100


class Identified(NamedTuple):
    """What is known of a visitor after a call that says who they are; `replayed` is true if it was known before."""

    known: Known
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """What a call says of a visitor; None is not said.

    `is_proven` is true of a call whose account, e-mail address and name are proven. `page_hash` is the hash of the
    metadata that a page sent. With `removes_null` a value of None in `metadata` removes a name.
    """

    external_id: str | None
    email: str | None
    name: str | None
    image: str | None
    is_proven: bool
    metadata: Metadata | None
    page_hash: str | None
    removes_null: bool

    @property
    def is_of_somebody(self) -> bool:
        """Whether it names an account or an e-mail address."""
        return bool(self.external_id or self.email)


def identify(caller: Caller, request: IdentifyRequest, actor: str | None, stores: Stores) -> Identified:
    """Store who a visitor is; `actor` is the team member who acts, if one is named.

    Raises `Refusal`: INVALID_IDENTITY_TOKEN, VALIDATION_FAILED, VISITOR_BLOCKED, CONTACT_VERIFIED or UNAVAILABLE.
    """
    metadata, token = _take_token(request.metadata)
    sent = [one for one in (request.identity_token, token) if one is not None]
    fields = {"external_id": request.external_id, "email": request.email, "name": request.name}
    is_proven = bool(sent) or caller.key.type == "private"
    if sent:
        fields = _signed(caller.key, sent, fields)
    said = _Said(
        **fields,
        image=request.image,
        is_proven=is_proven,
        metadata=metadata,
        page_hash=_page_hash(caller, request.metadata),
        removes_null=False,
    )
    if not said.is_of_somebody:
        raise invalid([Detail("externalId", "or email is required, or an identityToken")])
    return _store(caller, caller.visitor, said, actor, stores, CONTACT_ROWS)


def patch_metadata(
    caller: Caller,
    visitor_id: str,
    request: ContactMetadataPatch,
    actor: str | None,
    stores: Stores,
    *,
    is_stored: bool,
) -> Identified:
    """Merge metadata into a visitor's contact. An identity token among them says who the visitor is.

    Without `is_stored` nothing is stored. Raises `Refusal` as `identify` does.
    """
    metadata, token = _take_token(request.metadata)
    fields: dict[str, str | None] = dict.fromkeys(("external_id", "email", "name"))
    if token is not None:
        fields = _signed(caller.key, [token], fields)
    said = _Said(
        **fields,
        image=None,
        is_proven=token is not None,
        metadata=metadata,
        page_hash=_page_hash(caller, request.metadata),
        removes_null=True,
    )
    return _store(caller, visitor_id, said, actor, stores, ALL_ROWS, is_stored=is_stored)


def find_visitors(caller: Caller, query: VisitorsQuery, stores: Stores) -> list[tuple[str, Known]]:
    """Find visitors of whom an account or an e-mail address is proven or claimed, the last seen first.

    Of more than a hundred, those of whom it is proven come first, then those with the newest ids. Fewer are returned
    where a response would have no room for them. Raises `Refusal`: VALIDATION_FAILED or UNAVAILABLE.
    """
    key, deadline = caller.key, caller.deadline
    if bool(query.external_id) == bool(query.email):
        raise invalid([Detail("externalId", "or email is required, and not both of them")])
    field: Provable = "externalId" if query.external_id else "email"
    value = query.external_id or query.email or ""
    found: dict[str, Known] = {}
    for is_proven in (True, False):
        pk = lookup_pk(key.website_id, key.mode, _lookup(key, field, value, is_proven=is_proven))
        ids = stores.contacts.find(pk, _MAX_FOUND - len(found), deadline) if len(found) < _MAX_FOUND else []
        known = stores.visitors.read_all(key.website_id, key.mode, ids, deadline)
        # A row may lead to what has expired, or to somebody who says something else by now.
        found |= {id_: one for id_, one in known.items() if one.visitor is not None and one.visitor.is_found_by(pk)}
    room, listed = MAX_RESPONSE_ITEMS_BYTES, []
    for id_, known_visitor in found.items():
        # A response of Lambda has its body as a JSON string.
        room -= len(to_json(to_json(visitor_response(key, id_, known_visitor)).decode()))
        if room >= 0:
            listed.append((id_, known_visitor))
    return sorted(listed, key=_last_seen, reverse=True)


def _last_seen(found: tuple[str, Known]) -> str:
    visitor = found[1].visitor
    return (visitor.last_seen_at if visitor is not None else None) or ""


def _take_token(sent: Metadata | None) -> tuple[Metadata | None, Any]:
    """Return metadata without the identity token that they may bear, and the token, if there is one."""
    if sent is None:
        return None, None
    metadata = dict(sent)
    token = metadata.pop("identityToken", None)
    return metadata, token


def _page_hash(caller: Caller, sent: Metadata | None) -> str | None:
    # The page compares it with what it would send, the token in it.
    return metadata_hash(sent) if sent is not None and caller.key.type == "public" else None


def _signed(key: ApiKey, tokens: Sequence[Any], fields: dict[str, str | None]) -> dict[str, str | None]:
    """Return the fields that an identity token says. What the body says of them must agree.

    Raises `Refusal` (INVALID_IDENTITY_TOKEN).
    """
    # Here, so that no other call pays for it: a cold start is imports.
    from support.identity_tokens import invalid_token, verify

    token = tokens[0]
    if not isinstance(token, str):
        raise invalid_token("must be a string")
    if any(other != token for other in tokens):
        raise invalid_token("in the metadata is another one than `identityToken`")
    identity = verify(token, key, time.time())
    signed = {"external_id": identity.sub, "email": identity.email, "name": identity.name}
    for name, said in fields.items():
        if said is not None and said != signed[name]:
            raise invalid_token(f"does not say the {camel_case(name)} that the body says")
    return signed


def _store(
    caller: Caller,
    visitor_id: str,
    said: _Said,
    actor: str | None,
    stores: Stores,
    rows: Sequence[str],
    *,
    is_stored: bool = True,
) -> Identified:
    key, deadline = caller.key, caller.deadline
    for attempt in count():
        known = stores.visitors.read(key.website_id, key.mode, visitor_id, deadline, rows)
        before = known.visitor
        after, metadata = _merge(caller, visitor_id, known, said)
        is_identified = before is None or _who(before) != _who(after)
        is_new = before is None or before.contact_id != after.contact_id
        # Those of an earlier contact may be the same, and are still another's.
        replaces = to_json(metadata) != to_json(known.metadata) or (is_new and metadata is not None)
        if before is not None and not is_identified and not replaces and after.metadata_hash == before.metadata_hash:
            if is_stored and (known.gate is None or not known.gate.is_blocked):
                stores.contacts.keep(before, deadline)
            return Identified(known, replayed=True)
        if known.gate is not None and _is_closed(known.gate, caller, is_page=said.removes_null and not is_identified):
            raise visitor_blocked()
        now, version = timestamps.now(), (after.contact_version or 0) + 1
        if replaces:
            after = replace(after, metadata_version=None if metadata is None else version)
        after = replace(
            after,
            updated_at=now,
            contact_updated_at=now,
            contact_version=version,
            identified=True if is_identified else None,
            acted_by=actor if is_identified else None,
        )
        try:
            if is_stored:
                stores.contacts.write(before, after, metadata, deadline, replaces=replaces)
        except ConditionFailed:
            # The visitor's page, or another tab of it, was first.
            deadline.back_off(attempt)
        else:
            return Identified(replace(known, visitor=after, metadata=metadata), replayed=False)
    raise AssertionError("count() does not end")


def _merge(caller: Caller, visitor_id: str, known: Known, said: _Said) -> tuple[Visitor, Metadata | None]:
    """Return a visitor's row, and the contact's metadata, once what a call says is added to what is known.

    Raises `Refusal`: CONTACT_VERIFIED or VALIDATION_FAILED.
    """
    visitor, metadata = known.visitor or new_visitor(caller, visitor_id), known.metadata
    if visitor.contact_id is None and not said.is_of_somebody:
        raise invalid([Detail("metadata", "needs a contact: identify the visitor first, or send an identityToken")])
    if visitor.contact_id is None or _is_another_account(visitor, said):
        # A row that is there is emptied and not deleted: nothing of a visitor's partition is, but by erasure.
        metadata = None if visitor.metadata_version is None else {}
        visitor = _new_contact(visitor)
    verified = []
    fields = {}
    for field, name in zip(_PROVABLE, ("external_id", "email", "name"), strict=True):
        value = getattr(said, name)
        is_changed = value is not None and value != getattr(visitor, name)
        if is_changed and visitor.proves(field) and not said.is_proven:
            raise Refusal(Code.CONTACT_VERIFIED, f"The visitor's {field} is proven. Only a proof can change it.")
        if visitor.proves(field) or (said.is_proven and value is not None):
            verified.append(field)
        if value is not None:
            fields[name] = value
    if said.image is not None:
        fields["image"] = said.image
    after = replace(visitor, **fields, verified=tuple(verified))
    if sum(len((getattr(after, name) or "").encode()) for name in _FIELDS) > MAX_CONTACT_BYTES:
        limit = (
            f"must not make externalId, email, name and image take over {MAX_CONTACT_BYTES:,} bytes of UTF-8 together"
        )
        raise invalid([Detail("", limit)])
    if said.metadata is not None:
        metadata = _merged(metadata, said)
        if said.page_hash is not None:
            after = replace(after, metadata_hash=said.page_hash)
    return _with_lookups(caller.key, after), metadata


def _is_another_account(visitor: Visitor, said: _Said) -> bool:
    """Tell whether a call proves another account than the one that is known: nothing of that one is to be kept."""
    is_known = visitor.external_id is not None and said.external_id is not None
    return said.is_proven and is_known and visitor.external_id != said.external_id


def _new_contact(visitor: Visitor) -> Visitor:
    fields: dict[str, Any] = dict.fromkeys((*_FIELDS, "metadata_hash"))
    return replace(visitor, **fields, verified=(), contact_id=new_ulid(), contact_created_at=timestamps.now())


def _merged(metadata: Metadata | None, said: _Said) -> Metadata:
    merged = {**(metadata or {}), **(said.metadata or {})}
    if said.removes_null:
        merged = {name: value for name, value in merged.items() if value is not None}
    if (problem := exceeded_limit(merged)) is not None:
        raise invalid([Detail("metadata", problem)])
    return merged


def _with_lookups(key: ApiKey, visitor: Visitor) -> Visitor:
    def lookup(field: Provable, value: str | None) -> str | None:
        return _lookup(key, field, value, is_proven=visitor.proves(field)) if value else None

    return replace(
        visitor,
        external_id_lookup=lookup("externalId", visitor.external_id),
        email_lookup=lookup("email", visitor.email),
    )


def _lookup(key: ApiKey, field: Provable, value: str, *, is_proven: bool) -> str:
    return contact_hash(key.id_secret, key.website_id, key.mode, field, value, is_proven=is_proven)


def _who(visitor: Visitor) -> tuple[object, ...]:
    """Return what the team sees of who a visitor is."""
    return (visitor.contact_id, *(getattr(visitor, name) for name in _FIELDS), *visitor.verified)


def _is_closed(gate: Gate, caller: Caller, *, is_page: bool) -> bool:
    """Tell whether a gate lets a call write nothing; `is_page` is true of one that only tells what a page knows."""
    if gate.erasing is not None:
        return True
    return gate.is_blocked and caller.key.type == "public" and not is_page
