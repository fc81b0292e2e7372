"""The operators' actions, independent of Lambda.

Each change of a website or of one of its keys is conditional on the website's version and increments it. So no operator
overwrites another: a concurrent change fails and is retried.

Every change is safe to retry: the event has the id of what it creates, so a retry finds it. A key's secret is not
stored, so a retry can't return it. Nor does a retry replace the key: the first response may have arrived and the key be
in use. Instead it says how to get a new key in its place. The same goes for an identity secret, which is stored but
shown once.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import count
from typing import Any, Literal

from support.aws.bucket import Bucket
from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change, Check, ConditionFailed, Insert
from support.dynamodb.items import Item, without_key
from support.dynamodb.table import TABLE, VISITOR, KeyRange, Table
from support.errors import Code, Detail, Refusal
from support.responses import (
    contact_response,
    conversation_response,
    feedback_response,
    item_response,
    seen_response,
    timeline_response,
)
from support.store.stores import Stores
from support.validation import invalid
from support.values import timestamps
from support.values.api_key import MODES, ApiKey, KeyType, Mode, hash_secret
from support.values.conversation import conversation_pk, visitor_pk
from support.values.cursors import encode
from support.values.feedback import FEEDBACK_PREFIX, Feedback
from support.values.file import FilePlace
from support.values.identity_secret import IdentitySecret
from support.values.keyed_hash import contact_hash
from support.values.profile import AS_PROFILE
from support.values.stored_form import camel_case
from support.values.visitor import VISITOR_SK, Known, Provable, lookup_pk

from operators import events
from operators.allowed_origins import MAX_ORIGINS, to_stored, warnings
from operators.files import ADDRESS_SECONDS, describe_file, files_bucket
from operators.key_records import KEY_PREFIX, KeyRecord, website_id_of
from operators.websites import WEBSITES_PK, Website, describe_identity_secret

Result = dict[str, Any]

Outcome = Literal["unknown", "unfinished"]

#: One transaction holds 100 actions (DynamoDB API Reference, TransactWriteItems): one for the website, and up to two
#: for a key: the item that requests read, and the record in the website's partition.
_KEYS_PER_TRANSACTION = 49

_OUTCOME_MESSAGES: dict[Outcome, str] = {
    "unknown": "It is not known whether this was carried out: please send the same action again",
    "unfinished": "The website has changed, but perhaps not yet all of its keys: please send the same action again",
}
_ALREADY_CREATED = (
    "This key was created by an earlier attempt, and only the response to that attempt has its secret. If that is lost,"
    " replace the key: rotate_key with its id as keyId and gracePeriodSeconds 0."
)
_NEW_ID_TAKEN = "Another {0} has this newId, or this {0} has been changed or deleted since: see {1}."

#: A lost response is followed by another rotation, and the secret in use must stay until its grace period is over.
_MAX_IDENTITY_SECRETS = 5
_SHOWN_BEFORE = (
    "This identity secret was created by an earlier attempt, and only the response to that attempt shows it. If that is"
    " lost, get another one: rotate_identity_secret with gracePeriodSeconds 0."
)

#: Keeps the item that requests read small: with 100 origins of 276 bytes it takes 45 KB at most.
MAX_PROFILE_BYTES = 16_384

#: A response of Lambda has at most 6 MB (Developer Guide, "Lambda quotas"). Its runtime writes a space after each colon
#: and comma, which adds half as much again at most.
_MAX_PAGE_BYTES = 3_500_000

#: How many items, or how much feedback, a page of an export has at most.
_EXPORTED = 100
#: How many visitors a page of a search has at most of whom it is proven, and of whom it is claimed: as many as one call
#: reads.
_FOUND = 100
#: How many entries of the index are read to find the next conversation of an export: most often the first is.
_ENTRIES = 10


def new_secret(key_type: KeyType, mode: Mode) -> str:
    """Return a new API key: 256 bits from the system's random generator."""
    return f"{'sk' if key_type == 'private' else 'pk'}_{mode}_{secrets.token_hex(32)}"


class IncompleteChange(Refusal):
    """A change whose outcome is unknown: all or some of it may have been written.

    `cause` is the error that ended it, `planned` its result, without a secret, had it succeeded.
    """

    def __init__(self, cause: Exception, outcome: Outcome, event: events.Change, planned: Result) -> None:
        code, message = Code.INTERNAL_ERROR, "Something went wrong, and the log has the cause. "
        if isinstance(cause, Refusal):
            # The message of UNAVAILABLE says that no partial write was made, which may be wrong here.
            code, message = cause.code, "" if cause.code == Code.UNAVAILABLE else f"{cause.message} "
        named = f", with newId {event.new_id}" if isinstance(event, events.Creation) else ""
        super().__init__(code, f"{message}{_OUTCOME_MESSAGES[outcome]}{named}.")
        self.cause = cause
        self.outcome = outcome
        self.planned = planned


@dataclass(frozen=True)
class Plan:
    """The writes of a change, and its result.

    Parameters
    ----------
    result
        The operator's response once it is written.
    values
        Attributes of the website to change; None if nothing is to be written at all.
    keys
        For each key, the actions on it.
    secret
        The new key or identity secret, if there is one; it is added to the result.
    """

    result: Result
    values: Item | None = None
    keys: Sequence[list[Action]] = ()
    secret: str | None = field(default=None, repr=False)


def new_id_secret() -> str:
    """Return a new secret for generated ids: 256 bits from the system's random generator, in hex."""
    return secrets.token_hex(32)


def new_identity_secret(mode: Mode) -> str:
    """Return a new identity secret: 256 bits from the system's random generator."""
    return f"is_{mode}_{secrets.token_hex(32)}"


@dataclass(frozen=True)
class Operations:
    """One method per action, named as the `action` of its event.

    Each takes its event and a deadline, returns the operator's response, and raises `Refusal`: VALIDATION_FAILED,
    NOT_FOUND, CONFLICT or UNAVAILABLE. A change that fails after it may have written something raises
    `IncompleteChange`. The callable fields let tests and the demo data choose secrets, the time and the bucket.
    """

    table: Table
    new_secret: Callable[[KeyType, Mode], str] = new_secret
    new_id_secret: Callable[[], str] = new_id_secret
    new_identity_secret: Callable[[Mode], str] = new_identity_secret
    clock: Callable[[], float] = time.time
    files_bucket: Callable[[], Bucket] = files_bucket

    # Websites -------------------------------------------------------------------------------------------------------

    def create_website(self, event: events.CreateWebsite, deadline: Deadline) -> Result:
        """Create a website with its allowed origins."""
        website = Website(
            id=event.new_id,
            name=event.name,
            organization_id=event.organization_id,
            allowed_origins=tuple(to_stored(event.allowed_origins, "allowedOrigins")),
            id_secret=self.new_id_secret(),
            created_at=self._now(),
        )
        result = {"website": website.describe(), "warnings": warnings(website.allowed_origins)}
        try:
            self.table.transact([Insert(website.to_item())], deadline)
        except ConditionFailed:
            existing = self._website(website.id, deadline, deleted=True)
            expected = (website.name, website.organization_id, website.allowed_origins, None)
            if (existing.name, existing.organization_id, existing.allowed_origins, existing.deleted_at) != expected:
                raise Refusal(Code.CONFLICT, _NEW_ID_TAKEN.format("website", "get_website")) from None
            return {**result, "website": existing.describe()}
        except Exception as error:
            raise IncompleteChange(error, "unknown", event, result) from error
        return result

    def get_website(self, event: events.GetWebsite, deadline: Deadline) -> Result:
        """Return a website."""
        return {"website": self._website(event.website_id, deadline).describe()}

    def list_websites(self, event: events.ListWebsites, deadline: Deadline) -> Result:
        """List websites, oldest first, a page at a time."""
        items = self.table.query(TABLE, WEBSITES_PK, KeyRange().after(event.cursor or ""), deadline, limit=event.limit)
        websites = [Website.from_item(item) for item in items]
        cursor = websites[-1].id if len(websites) == event.limit else None
        return {"websites": [w.describe() for w in websites if w.deleted_at is None], "nextCursor": cursor}

    def update_allowed_origins(self, event: events.UpdateAllowedOrigins, deadline: Deadline) -> Result:
        """Change the origins that the website and all its keys accept."""
        replaced = None if event.replace is None else to_stored(event.replace, "replace")
        added, removed = to_stored(event.add, "add"), to_stored(event.remove, "remove", for_removal=True)

        def plan(website: Website, keys: list[KeyRecord], begun: bool) -> Plan:
            active = self._active_keys(website, keys, begun)
            if begun:
                # The website has this change already, and perhaps a later one: its keys get its current settings.
                origins = list(website.allowed_origins)
            elif replaced is None:
                # In the order in which operators added them: widgets show the host of the first one by default.
                origins = [o for o in dict.fromkeys((*website.allowed_origins, *added)) if o not in removed]
            elif website.version == event.version or list(website.allowed_origins) == replaced:
                # Equal lists: this retries a change that was written in part, or in full with its response lost.
                origins = replaced
            else:
                raise _version_conflict(website)
            if len(origins) > MAX_ORIGINS:
                raise invalid([Detail("add", f"would make more than {MAX_ORIGINS} allowed origins")])
            after = replace(website, allowed_origins=tuple(origins), version=website.version + 1)
            return _website_plan(after, active, warnings=warnings(origins))

        # An incomplete deletion leaves active keys. Until it is completed, they still get their website's settings.
        return self._change(event, event.website_id, plan, deadline, deleted=True)

    def update_website(self, event: events.UpdateWebsite, deadline: Deadline) -> Result:
        """Change the name and the profile that widgets show of a website."""
        changes = event.changes
        changed = [event.__class__.model_fields[name].alias for name in changes]

        def plan(website: Website, keys: list[KeyRecord], begun: bool) -> Plan:
            active = self._active_keys(website, keys, begun)
            # Once begun, the website has this change already, and perhaps a later one: its keys get either.
            after = website if begun else _with_changes(website, changes)
            if not begun and event.version not in {None, website.version} and after != website:
                raise _version_conflict(website)
            if len(str(AS_PROFILE[0](after.profile)).encode()) > MAX_PROFILE_BYTES:
                raise invalid([Detail("", f"would make a profile of more than {MAX_PROFILE_BYTES:,} bytes")])
            return _website_plan(replace(after, version=website.version + 1), active, changed=changed)

        return self._change(event, event.website_id, plan, deadline, deleted=True)

    def delete_website(self, event: events.DeleteWebsite, deadline: Deadline) -> Result:
        """Revoke all keys of a website and hide it. Its conversations stay, unless they are to be erased, too."""
        now = self._now()
        revoked: set[str] = set()

        def plan(website: Website, keys: list[KeyRecord], _begun: bool) -> Plan:
            active = [key for key in keys if key.status(self.clock()) == "active"]
            if active and not event.force:
                raise Refusal(
                    Code.CONFLICT, f"The website has {len(active)} active keys. Revoke them first, or send force: true."
                )
            # Called again by the write loop, it still counts the keys that it has revoked so far.
            revoked.update(key.id for key in active)
            deleted_at = website.deleted_at or now
            after = replace(website, deleted_at=deleted_at, version=website.version + 1)
            return Plan(
                {"website": after.describe(), "revokedKeys": len(revoked)},
                {"deletedAt": deleted_at},
                [_change_key_and_record(key, {"revokedAt": now}) for key in active],
            )

        result = self._change(event, event.website_id, plan, deadline, deleted=True)
        if not event.erase:
            return result
        named = {} if event.actor is None else {"actor": event.actor}
        return {**result, "waitSeconds": 0, "then": {"action": "erase_website", "websiteId": event.website_id, **named}}

    # API keys -------------------------------------------------------------------------------------------------------

    def issue_key(self, event: events.IssueKey, deadline: Deadline) -> Result:
        """Create a key. Only this response ever contains the key itself."""
        key_id = f"{event.website_id}-{event.new_id}"

        def plan(website: Website, keys: list[KeyRecord], _begun: bool) -> Plan:
            if (existing := _find(keys, key_id)) is not None:
                expected = (event.type, event.mode, event.name, event.expires_at)
                if (existing.type, existing.mode, existing.name, existing.expires_at) != expected:
                    raise Refusal(Code.CONFLICT, _NEW_ID_TAKEN.format("key", "describe_key"))
                return Plan({"key": existing.describe(self.clock()), "warnings": [_ALREADY_CREATED]})
            if event.expires_at is not None and event.expires_at <= self.clock():
                raise invalid([Detail("expiresAt", "must be in the future")])
            secret, record = self._new_key(key_id, event.type, event.mode, event.name, event.expires_at)
            return Plan({"key": record.describe(self.clock())}, {}, [_insert(website, record)], secret)

        return self._change(event, event.website_id, plan, deadline)

    def list_keys(self, event: events.ListKeys, deadline: Deadline) -> Result:
        """List a website's keys, oldest first, a page at a time."""
        website = self._website(event.website_id, deadline)
        range_ = KeyRange.of_prefix(KEY_PREFIX).after(KEY_PREFIX + (event.cursor or ""))
        items = self.table.query(TABLE, website.keys_pk, range_, deadline, limit=event.limit)
        keys = [KeyRecord.from_item(item) for item in items]
        cursor = keys[-1].id if len(keys) == event.limit else None
        return {"keys": [key.describe(self.clock()) for key in keys], "nextCursor": cursor}

    def rotate_key(self, event: events.RotateKey, deadline: Deadline) -> Result:
        """Create a key like an existing one, which then keeps working for the grace period only."""
        website_id = website_id_of(event.key_id)
        key_id = f"{website_id}-{event.new_id}"

        def plan(website: Website, keys: list[KeyRecord], _begun: bool) -> Plan:
            if (old := _find(keys, event.key_id)) is None:
                raise _no_such_key()
            now = self.clock()
            if (existing := _find(keys, key_id)) is not None:
                if not _is_rotation(old, existing, event.grace_period_seconds):
                    raise Refusal(Code.CONFLICT, _NEW_ID_TAKEN.format("key", "describe_key"))
                return Plan(
                    {"key": existing.describe(now), "rotatedKey": old.describe(now), "warnings": [_ALREADY_CREATED]}
                )
            if old.status(now) != "active":
                raise Refusal(Code.CONFLICT, "Only an active key can be rotated. Please issue a new one.")
            end = int(now) + event.grace_period_seconds
            end = min(end, old.expires_at or end)
            rotated = replace(old, expires_at=end)
            # The new key does not inherit the expiry, which was chosen for the old one.
            secret, record = self._new_key(key_id, old.type, old.mode, old.name, None)
            return Plan(
                {"key": record.describe(now), "rotatedKey": rotated.describe(now)},
                {},
                [_insert(website, record), _change_key_and_record(old, {"expiresAt": end})],
                secret,
            )

        return self._change(event, website_id, plan, deadline)

    def revoke_key(self, event: events.RevokeKey, deadline: Deadline) -> Result:
        """Revoke a key permanently. On a revoked key nothing changes."""
        key_id = event.key_id or self._key_id_of(event.key or "", deadline)
        now = self._now()

        def plan(_website: Website, keys: list[KeyRecord], _begun: bool) -> Plan:
            if (record := _find(keys, key_id)) is None:
                raise _no_such_key()
            if record.revoked_at is not None:
                return Plan({"key": record.describe(self.clock())})
            revoked = replace(record, revoked_at=now)
            return Plan(
                {"key": revoked.describe(self.clock())}, {}, [_change_key_and_record(record, {"revokedAt": now})]
            )

        return self._change(event, website_id_of(key_id), plan, deadline, deleted=True)

    def describe_key(self, event: events.DescribeKey, deadline: Deadline) -> Result:
        """Return a key and its website."""
        key_id = event.key_id or self._key_id_of(event.key or "", deadline)
        website = self._website(website_id_of(key_id), deadline, deleted=True)
        item = self.table.get((website.keys_pk, KEY_PREFIX + key_id), deadline)
        if item is None:
            raise _no_such_key()
        return {"key": KeyRecord.from_item(item).describe(self.clock()), "website": website.describe()}

    # Identity secrets -----------------------------------------------------------------------------------------------

    def issue_identity_secret(self, event: events.IssueIdentitySecret, deadline: Deadline) -> Result:
        """Create the secret that signs identity tokens in a mode. Only this response ever shows it."""
        return self._add_identity_secret(event, None, deadline)

    def rotate_identity_secret(self, event: events.RotateIdentitySecret, deadline: Deadline) -> Result:
        """Create another identity secret; what the present one signs is then accepted for the grace period only."""
        return self._add_identity_secret(event, event.grace_period_seconds, deadline)

    def revoke_identity_secret(self, event: events.RevokeIdentitySecret, deadline: Deadline) -> Result:
        """Accept no token any more that an identity secret has signed or will sign."""

        def plan(website: Website, keys: list[KeyRecord], begun: bool) -> Plan:
            active = self._active_keys(website, keys, begun)
            after, found = website, begun
            for mode in MODES:
                secrets_of_mode = website.identity_secrets(mode)
                left = [secret for secret in secrets_of_mode if secret.id != event.secret_id]
                found = found or len(left) < len(secrets_of_mode)
                after = after.with_identity_secrets(mode, left)
            noted = (
                [] if found else ["This website has no identity secret with this id: it may have been revoked before."]
            )
            # The keys get their website's settings in any case: an earlier attempt may not have reached all of them.
            after = replace(after, version=website.version + 1)
            return _website_plan(after, active, identitySecret={"id": event.secret_id}, warnings=noted)

        return self._change(event, event.website_id, plan, deadline, deleted=True)

    def _add_identity_secret(
        self, event: events.IssueIdentitySecret, grace_period_seconds: int | None, deadline: Deadline
    ) -> Result:
        """Add an identity secret as the one that signs from now on.

        `grace_period_seconds` is for how long the one before it is still accepted; None, if there must be none.
        """
        new = IdentitySecret(event.new_id, self.new_identity_secret(event.mode), self._now())

        def plan(website: Website, keys: list[KeyRecord], begun: bool) -> Plan:
            active = self._active_keys(website, keys, begun)
            now = self.clock()
            kept = [secret for secret in website.identity_secrets(event.mode) if secret.is_usable(now)]
            added = next((secret for secret in kept if secret.id == event.new_id), None)
            if added is None and not begun:
                added = new
                kept = [*_ending(kept, grace_period_seconds, now), new]
            noted = [] if added is new or begun else [_SHOWN_BEFORE]
            after = replace(website.with_identity_secrets(event.mode, kept), version=website.version + 1)
            shown = describe_identity_secret(event.mode, added or new)
            planned = _website_plan(after, active, identitySecret=shown, warnings=noted)
            return planned if noted else replace(planned, secret=new.secret)

        return self._change(event, event.website_id, plan, deadline, deleted=True)

    # Conversations --------------------------------------------------------------------------------------------------

    def get_conversation(self, event: events.GetConversation, deadline: Deadline) -> Result:
        """Return a conversation and a page of its timeline, the newest page first, with its private items."""
        stores = Stores.over(self.table)
        pk = conversation_pk(event.website_id, event.mode, event.conversation_id)
        stored = stores.conversations.read(pk, deadline)
        if stored is None:
            raise _no_such_conversation()
        conversation = stored.conversation
        page = stores.timelines.read_page(
            conversation, "private", event.limit, deadline, older_than=event.cursor, max_bytes=_MAX_PAGE_BYTES
        )
        next_cursor = encode(page.items[0].reference) if page.has_more else None
        timeline = timeline_response(conversation, page.items, page.has_more, next_cursor)
        people = stores.visitors.read_many(
            conversation.website_id, conversation.mode, [conversation.visitor_id], deadline
        )
        person = people[conversation.visitor_id]
        return {
            "conversation": conversation_response(conversation, None, "private", person),
            "itemCount": conversation.item_count,
            "timelineItems": timeline["items"],
            "nextCursor": timeline["nextCursor"],
        }

    def get_file(self, event: events.GetFile, deadline: Deadline) -> Result:
        """Return a file of a conversation, and an address at which anybody can read it for five minutes."""
        place = FilePlace(event.website_id, event.mode, event.conversation_id, event.file_id)
        file = Stores.over(self.table).files.read(place, deadline)
        if file is None or file.etag is None:
            raise Refusal(Code.NOT_FOUND, "This conversation has no such file: it is gone, or has not arrived.")
        key = place.copy_key(file.etag)
        url = self.files_bucket().sign_get(key, file.content_type, file.disposition, ADDRESS_SECONDS)
        return {"file": describe_file(file), "downloadUrl": url}

    def find_visitors(self, event: events.FindVisitors, deadline: Deadline) -> Result:
        """Find the visitors of a person, a page at a time: of whom an account or an e-mail address is proven.

        With `includeClaims` those of whom it is only claimed follow. A claim proves nothing.
        """
        stores, website = Stores.over(self.table), self._website(event.website_id, deadline, deleted=True)
        field: Provable = "email" if event.external_id is None else "externalId"
        value = event.external_id or event.email or ""
        begins, _, last = (event.cursor or "proven#").partition("#")
        visitors: list[Result] = []
        for standing in ("proven", "claimed") if event.include_claims else ("proven",):
            if begins == "claimed" and standing == "proven":
                continue
            is_proven = standing == "proven"
            digest = contact_hash(website.id_secret, website.id, event.mode, field, value, is_proven=is_proven)
            pk = lookup_pk(website.id, event.mode, digest)
            ids = stores.contacts.find(pk, _FOUND, deadline, older_than=last if standing == begins else "")
            known = stores.visitors.read_all(website.id, event.mode, ids, deadline, (VISITOR_SK,))
            # A row may lead to what has expired.
            found = [id_ for id_, one in known.items() if one.visitor is not None and one.visitor.is_found_by(pk)]
            visitors += [{"visitorId": id_, "verified": is_proven} for id_ in found]
            if len(ids) == _FOUND:
                return {"visitors": visitors, "nextCursor": encode(f"{standing}#{ids[-1]}")}
        return {"visitors": visitors, "nextCursor": None}

    def export_visitor(self, event: events.ExportVisitor, deadline: Deadline) -> Result:
        """Return all that is stored of a visitor, a page at a time, with private items.

        First comes who they are, then their feedback, then each conversation with its items, the oldest first.
        """
        stores, pk = Stores.over(self.table), visitor_pk(event.website_id, event.mode, event.visitor_id)
        stage, _, place = (event.cursor or "feedback#").partition("#")
        if stage == "feedback":
            keys = KeyRange.of_prefix(FEEDBACK_PREFIX).after(FEEDBACK_PREFIX + place)
            rows = self.table.query(TABLE, pk, keys, deadline, limit=_EXPORTED)
            feedback = [Feedback.from_item(row) for row in rows]
            more = f"feedback#{feedback[-1].id}" if len(feedback) == _EXPORTED else "conversations"
            page: Result = {"feedback": list(map(feedback_response, feedback)), "nextCursor": encode(more)}
            if event.cursor is None:
                known = stores.visitors.read(event.website_id, event.mode, event.visitor_id, deadline)
                page = {"visitor": _describe_visitor(event.visitor_id, known), **page}
            return page
        entry, _, reference = place.partition("|")
        keys = KeyRange().after(entry) if not reference else KeyRange(first=entry)
        for index_entry in self._entries(pk, keys, deadline):
            stored = stores.conversations.read(str(index_entry["PK"]), deadline)
            entry_key = str(index_entry["visitorSK"])
            if stored is None or stored.conversation.visitor_id != event.visitor_id:
                # It has expired, or the index is behind.
                continue
            conversation, is_begun = stored.conversation, entry_key == entry
            timeline = stores.timelines.read_page(
                conversation,
                "private",
                _EXPORTED,
                deadline,
                newer_than=reference if is_begun else "",
                max_bytes=_MAX_PAGE_BYTES,
            )
            more = f"conversations#{entry_key}" + (f"|{timeline.items[-1].reference}" if timeline.has_more else "")
            page = {
                "conversation": conversation_response(conversation, None, "private"),
                "timelineItems": [item_response(conversation, item, "private") for item in timeline.items],
                "nextCursor": encode(more),
            }
            if not is_begun:
                team = stores.seen.read(conversation, deadline)
                page["seen"] = seen_response(conversation, team)["seenData"]
            return page
        return {"nextCursor": None}

    def _entries(self, pk: str, keys: KeyRange, deadline: Deadline) -> Iterator[Item]:
        """Give the entries of a visitor's conversations in the index, the oldest first."""
        while entries := self.table.query(VISITOR, pk, keys, deadline, limit=_ENTRIES):
            yield from entries
            keys = keys.after(str(entries[-1]["visitorSK"]))

    # Shared --------------------------------------------------------------------------------------------------------

    def _change(
        self,
        event: events.Change,
        website_id: str,
        make_plan: Callable[[Website, list[KeyRecord], bool], Plan],
        deadline: Deadline,
        *,
        deleted: bool = False,
    ) -> Result:
        """Read a website with its keys, write the plan that `make_plan` returns for them, and return its result.

        The actions of one key are written together. Keys that do not fit into the first transaction are written by
        further ones, which succeed only while the website stays as the first one left it. When it changes or is
        deleted, `make_plan` is called again, with its third argument, `begun`, true. After a failure in between, the
        same action sent again completes the change.
        """
        in_doubt = begun = False
        plan = Plan({})
        try:
            for attempt in count():
                website = self._website(website_id, deadline, deleted=deleted)
                records = self.table.query(TABLE, website.keys_pk, KeyRange.of_prefix(KEY_PREFIX), deadline)
                keys = [KeyRecord.from_item(item) for item in records]
                plan = make_plan(website, keys, begun)
                if plan.values is None:
                    break
                version = website.version + 1
                guard: Action = Change(
                    website.key, {**plan.values, "version": version}, expected={"version": website.version}
                )
                try:
                    for start in range(0, max(len(plan.keys), 1), _KEYS_PER_TRANSACTION):
                        chunk = [
                            action for actions in plan.keys[start : start + _KEYS_PER_TRANSACTION] for action in actions
                        ]
                        in_doubt = True
                        self.table.transact([guard, *chunk], deadline)
                        guard, begun = Check(website.key, {"version": version}), True
                except ConditionFailed:
                    in_doubt = False
                    deadline.back_off(attempt)
                else:
                    break
        except Exception as error:
            if in_doubt or begun:
                raise IncompleteChange(error, "unfinished" if begun else "unknown", event, plan.result) from error
            raise
        return plan.result if plan.secret is None else {**plan.result, "secret": plan.secret}

    def _active_keys(self, website: Website, keys: list[KeyRecord], begun: bool) -> list[KeyRecord]:
        """Return the keys that get their website's settings; expired and revoked keys never work again."""
        active = [key for key in keys if key.status(self.clock()) == "active"]
        if website.deleted_at is not None and not active and not begun:
            raise _no_such_website()
        return active

    def _website(self, website_id: str, deadline: Deadline, *, deleted: bool = False) -> Website:
        item = self.table.get((WEBSITES_PK, website_id), deadline)
        website = None if item is None else Website.from_item(item)
        if website is None or (website.deleted_at is not None and not deleted):
            raise _no_such_website()
        return website

    def _key_id_of(self, secret: str, deadline: Deadline) -> str:
        item = self.table.get(ApiKey.key(hash_secret(secret)), deadline)
        if item is None:
            raise _no_such_key()
        return ApiKey.from_item(item).id

    def _new_key(
        self, key_id: str, key_type: KeyType, mode: Mode, name: str, expires_at: int | None
    ) -> tuple[str, KeyRecord]:
        secret = self.new_secret(key_type, mode)
        record = KeyRecord(
            id=key_id,
            website_id=website_id_of(key_id),
            type=key_type,
            mode=mode,
            name=name,
            secret_hash=hash_secret(secret),
            last_four=secret[-4:],
            created_at=self._now(),
            expires_at=expires_at,
        )
        return secret, record

    def _now(self) -> str:
        return timestamps.from_epoch(self.clock())


def _with_changes(website: Website, changes: Mapping[str, Any]) -> Website:
    """Return a website with changes of its name, of its profile or of both."""
    of_profile = {name: value for name, value in changes.items() if name != "name"}
    return replace(website, name=changes.get("name", website.name), profile=replace(website.profile, **of_profile))


def _website_plan(after: Website, active: list[KeyRecord], **more: Any) -> Plan:
    """Plan the change of a website, and copy its settings onto its active keys."""
    result = {"website": after.describe(), "activeKeys": len(active), **more}
    return Plan(result, without_key(after.to_item()), [[key.copy_website_settings(after)] for key in active])


def _ending(kept: list[IdentitySecret], grace_period_seconds: int | None, now: float) -> list[IdentitySecret]:
    """Return the identity secrets of a mode as they are once another one signs.

    Raises `Refusal` (CONFLICT) where there is one and None is the grace period, where there is none and it is not, and
    where there are too many.
    """
    signs = bool(kept) and kept[-1].expires_at is None
    if grace_period_seconds is None:
        if signs:
            raise Refusal(
                Code.CONFLICT, "This website has an identity secret in this mode: rotate_identity_secret replaces it."
            )
        return kept
    if not signs:
        raise Refusal(
            Code.CONFLICT, "This website has no identity secret in this mode: issue_identity_secret creates one."
        )
    if len(kept) == _MAX_IDENTITY_SECRETS:
        raise Refusal(
            Code.CONFLICT,
            f"{_MAX_IDENTITY_SECRETS - 1} earlier identity secrets are still accepted: wait for the first of them to"
            " expire, or revoke_identity_secret it.",
        )
    ending = replace(kept[-1], expires_at=int(now) + grace_period_seconds)
    return [secret for secret in (*kept[:-1], ending) if secret.is_usable(now)]


def _insert(website: Website, record: KeyRecord) -> list[Action]:
    return [Insert(record.to_api_key(website).to_item(record.secret_hash)), Insert(record.to_item())]


def _change_key_and_record(record: KeyRecord, values: Item) -> list[Action]:
    """Change both items of a key: the one that requests read, and the operators' record."""
    return [Change(record.key, values), Change(record.api_key, values)]


def _find(keys: list[KeyRecord], key_id: str) -> KeyRecord | None:
    return next((key for key in keys if key.id == key_id), None)


def _is_rotation(old: KeyRecord, new: KeyRecord, grace_period_seconds: int) -> bool:
    """Tell whether `new` was created by rotating the old key with this grace period."""
    end = int(datetime.fromisoformat(new.created_at).timestamp()) + grace_period_seconds
    alike = (new.type, new.mode, new.name) == (old.type, old.mode, old.name)
    return new.id != old.id and alike and old.expires_at is not None and old.expires_at <= end


def _describe_visitor(visitor_id: str, known: Known) -> Result:
    """Return who a visitor is, and what their page told, as JSON for an operator."""
    visitor, gate = known.visitor, known.gate
    return {
        "id": visitor_id,
        "createdAt": None if visitor is None else visitor.created_at,
        "updatedAt": None if visitor is None else visitor.updated_at,
        "lastSeenAt": None if visitor is None else visitor.last_seen_at,
        "blockedAt": None if gate is None else gate.blocked_at,
        "blockedByUserId": None if gate is None else gate.blocked_by_user_id,
        "contact": None if visitor is None else contact_response(visitor, known.metadata, "private"),
        "page": {camel_case(one.name): getattr(known.page, one.name) for one in fields(known.page)},
    }


def _version_conflict(website: Website) -> Refusal:
    return Refusal(
        Code.CONFLICT,
        f"The website has been changed by somebody else: it is at version {website.version}."
        " Please read it with get_website and try again.",
    )


def _no_such_website() -> Refusal:
    return Refusal(Code.NOT_FOUND, "There is no such website.")


def _no_such_key() -> Refusal:
    return Refusal(Code.NOT_FOUND, "There is no such key.")


def _no_such_conversation() -> Refusal:
    return Refusal(Code.NOT_FOUND, "This website has no such conversation in this mode.")
