"""The mutants: what each breaks, the text that it replaces, and the tests that must fail for it.

They are texts to replace, and no patches: a patch still applies, at another place, when the lines around it have moved,
or fails for lines that have nothing to do with it. A text must be in its file exactly once. Where it is not any more,
`make mutants` stops before it runs a test: the behaviour has moved, and its mutant has to follow, or it is gone, and so
is its mutant.

The tests are files, and not single tests: these are renamed and split more often than the files that hold them, and
with `-x` a file ends at the first failure.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault: in `file`, `new` in the place of `old`. One of the `tests`, which are files, must fail for it."""

    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_API = "functions/api"
_OPERATORS = "functions/operators"
_SHARED = "layers/shared/support"


def _unit(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/unit/test_{name}.py" for name in names)


def _integration(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/integration/test_{name}.py" for name in names)


def _proofs(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/integration/proofs/test_{name}.py" for name in names)


_ORIGINS = (
    Mutant(
        "a live key accepts plain http",
        f"{_SHARED}/values/origins.py",
        '(scheme != "https" or _OWN_MACHINE.fullmatch(host))',
        "_OWN_MACHINE.fullmatch(host)",
        _unit("origins"),
    ),
    Mutant(
        "a wildcard covers every port",
        f"{_SHARED}/values/origins.py",
        'suffix = f":{port}" if port else ""',
        'suffix = ""',
        _unit("origins"),
    ),
    Mutant(
        "a wildcard covers every host that ends like it",
        f"{_SHARED}/values/origins.py",
        'host = host.partition(".")[2]',
        "host = host[1:]",
        _unit("origins"),
    ),
    Mutant(
        "a live key accepts every loopback origin that is listed",
        f"{_SHARED}/values/origins.py",
        "(origin == APP_ON_LOCALHOST and origin in allowed)",
        "origin in allowed",
        _unit("origins"),
    ),
    Mutant(
        "a character outside of ASCII is lower-cased into an allowed host",
        f"{_SHARED}/values/origins.py",
        " or not origin.isascii()",
        "",
        _unit("origins"),
    ),
    Mutant(
        "an operator may allow a wildcard above a public suffix",
        f"{_OPERATORS}/allowed_origins.py",
        "(name in _above_suffixes or _public_suffixes.is_public(name))",
        "_public_suffixes.is_public(name)",
        _unit("operators_origins"),
    ),
    Mutant(
        "an operator may allow a wildcard before an IPv4 address",
        f"{_OPERATORS}/allowed_origins.py",
        'rest.startswith("[") or name.replace(".", "").isdecimal()',
        'rest.startswith("[")',
        _unit("operators_origins"),
    ),
)

_CREDENTIALS = (
    Mutant(
        "of two secrets of the front, only the last one is accepted",
        f"{_SHARED}/front.py",
        "any(compare_digest(value, secret) for secret in self._secrets)",
        "compare_digest(value, self._secrets[-1])",
        _unit("front"),
    ),
    Mutant(
        "a key is enough to go round the front",
        f"{_API}/app.py",
        'if front is not None and not front.sent(request["headers"]):',
        'if front is not None and not front.sent(request["headers"]) and "authorization" not in request["headers"]:',
        _unit("front"),
    ),
    Mutant(
        "a handshake goes round the front",
        "functions/sockets/handshakes.py",
        "if self._front is not None and not self._front.sent(handshake.headers):",
        "if self._front is None and handshake.headers is None:",
        _unit("front"),
    ),
    Mutant(
        "a valid public key makes up for an invalid private one",
        f"{_SHARED}/authentication.py",
        "if _NAMES_BEARER.fullmatch(authorization):",
        "if _BEARER.fullmatch(authorization):",
        _integration("credentials"),
    ),
    Mutant(
        "a revoked or expired key works",
        f"{_SHARED}/authentication.py",
        "key is None or not key.is_usable(time.time())",
        "key is None",
        _integration("credentials"),
    ),
    Mutant(
        "a public key works as a private one",
        f"{_SHARED}/authentication.py",
        "if key_type(credential.secret) == credential.key_type else None",
        "if key_type(credential.secret) else None",
        _integration("credentials"),
    ),
    Mutant(
        "a public key may do what is the company's",
        f"{_API}/http/authentication.py",
        'accepted == "private" and key.type != "private"',
        "accepted == key.type",
        _integration("status"),
    ),
    Mutant(
        "a key works in the second in which it expires",
        f"{_SHARED}/values/api_key.py",
        "now < self.expires_at",
        "now <= self.expires_at",
        _unit("keys"),
    ),
    Mutant(
        "an unknown key is remembered as long as a known one",
        f"{_SHARED}/store/api_keys.py",
        "min(_UNKNOWN_SECONDS, cache_seconds)",
        "cache_seconds",
        _unit("keys"),
    ),
)

_RATE_LIMITS = (
    Mutant(
        "a client without a proxy chooses its address",
        f"{_SHARED}/addresses.py",
        "if not any(client in proxy for proxy in trusted):",
        "if trusted and not any(client in proxy for proxy in trusted):",
        _unit("rate_limits"),
    ),
    Mutant(
        "each address of an IPv6 host has a limit of its own",
        f"{_SHARED}/addresses.py",
        "(client, 64)",
        "(client, 128)",
        _unit("rate_limits"),
    ),
    Mutant(
        "both modes share a limit",
        f"{_SHARED}/rate_limits.py",
        "RATE#{key.website_id}#{key.mode}#{client}",
        "RATE#{key.website_id}#{client}",
        _unit("rate_limits"),
    ),
    Mutant(
        "no address ever reaches its limit",
        f"{_SHARED}/rate_limits.py",
        "if not quota.remaining:",
        "if quota.remaining < 0:",
        _unit("rate_limits"),
    ),
    Mutant(
        "a counter expires with its window",
        f"{_SHARED}/rate_limits.py",
        "WINDOW_SECONDS + 2) * WINDOW_SECONDS",
        "WINDOW_SECONDS + 1) * WINDOW_SECONDS",
        _unit("rate_limits"),
    ),
    Mutant(
        "counts queue behind one that hangs",
        f"{_SHARED}/rate_limits.py",
        "counted.cancel()",
        "counted.done()",
        _unit("rate_limits"),
    ),
)

_IDS = (
    Mutant(
        "two items alike of one request have one id",
        f"{_API}/domain/ids.py",
        'f"{key.type}#{conversation_id}#{position}"',
        'f"{key.type}#{conversation_id}"',
        _unit("ids"),
    ),
    Mutant(
        "a visitor gets the id of the company's next item",
        f"{_API}/domain/ids.py",
        'f"{key.type}#{conversation_id}#{position}"',
        'f"{conversation_id}#{position}"',
        _integration("timeline_items_ids"),
    ),
    Mutant(
        "visitors share their Idempotency-Keys",
        f"{_API}/domain/ids.py",
        'f"{key.type}#{visitor_id}"',
        "key.type",
        _unit("ids"),
    ),
    Mutant(
        "a time makes another item of the same words",
        f"{_API}/domain/drafts.py",
        '{"id", "created_at", "conversation_id"',
        '{"id", "conversation_id"',
        _integration("conversations_replay"),
    ),
    Mutant(
        "a request may send an item's generated id beside that item",
        f"{_API}/domain/drafts.py",
        "used.add(draft.id)",
        "used.add(sent.id)",
        _integration("timeline_items"),
    ),
    Mutant(
        "an Idempotency-Key stands for whatever is sent with it",
        f"{_API}/domain/conversations.py",
        "self.fingerprint is not None and conversation.fingerprint != self.fingerprint",
        "self.fingerprint is not None and conversation.fingerprint is None",
        _integration("conversations_idempotency_key"),
    ),
)

_ITEMS = (
    Mutant(
        "a clock that is ahead puts a message behind all later ones",
        f"{_API}/domain/drafts.py",
        "now if sent_at is None or sent_at > now else sent_at",
        "sent_at or now",
        _integration("timeline_items_added"),
    ),
    Mutant(
        "a server's clock may be an hour ahead",
        f"{_API}/domain/drafts.py",
        "_CLOCK_TOLERANCE_SECONDS = 300",
        "_CLOCK_TOLERANCE_SECONDS = 3_600",
        _integration("messages"),
    ),
    Mutant(
        "a visitor's added item names no visitor where it was sent without one",
        f"{_API}/domain/drafts.py",
        "server_time, by_visitor=True)",
        "server_time, by_visitor=sent.is_by_visitor)",
        _integration("timeline_items_added"),
    ),
    Mutant(
        "a visitor may write as an AI agent",
        f"{_API}/domain/drafts.py",
        "if self.sent.user_id or self.sent.ai_agent_id:",
        "if self.sent.user_id:",
        _integration("messages"),
    ),
    Mutant(
        "the acting user is made the author of an AI agent's message",
        f"{_API}/domain/drafts.py",
        "sent.user_id is None and sent.ai_agent_id is None and not sent.is_by_visitor",
        "sent.user_id is None and not sent.is_by_visitor",
        _integration("messages"),
    ),
    Mutant(
        "a public key is answered with the private item that it names",
        f"{_API}/domain/drafts.py",
        "if any(item.is_private for _, item in named):",
        'if key.type == "private" and any(item.is_private for _, item in named):',
        _integration("conversations_append", "messages"),
    ),
    Mutant(
        "a visitor takes an id from the company by using it first",
        f"{_API}/domain/drafts.py",
        'same_kind_of_author=key.type == "private"',
        "same_kind_of_author=False",
        _integration("timeline_items_ids"),
    ),
    Mutant(
        "the company's own stored item conflicts with what it sends",
        f"{_SHARED}/values/timeline_item.py",
        '"nobody": "team"',
        '"nobody": "nobody"',
        _integration("messages"),
    ),
    Mutant(
        "a message with a file and a text loses its text part",
        f"{_SHARED}/values/timeline_item.py",
        "if text is not None and not texts:",
        "if text is not None and not parts:",
        _integration("timeline_items"),
    ),
    Mutant(
        "true and 1 say the same",
        f"{_SHARED}/values/timeline_item.py",
        'return json.dumps([item.visibility, item.type, text, item.content.get("tool"), parts, kind], sort_keys=True)',
        'return [item.visibility, item.type, text, item.content.get("tool"), parts, kind]',
        _integration("timeline_items_ids"),
    ),
    Mutant(
        "ten items of one millisecond are out of order",
        f"{_SHARED}/values/timeline_item.py",
        "{position:0{POSITION_DIGITS}d}",
        "{position}",
        _integration("timelines"),
    ),
    Mutant(
        "large content is told by its characters and not by its bytes",
        f"{_SHARED}/values/timeline_item.py",
        "len(content) > MAX_INDEXED_BYTES // 4 and len(content.encode()) > MAX_INDEXED_BYTES",
        "len(content) > MAX_INDEXED_BYTES",
        _integration("conversations_response"),
    ),
    Mutant(
        "an item's entry in the index does not count for its size",
        f"{_SHARED}/values/timeline_item.py",
        "return item_size(item) + item_size({name: item[name] for name in (*_KEYS, *INDEXED) if name in item})",
        "return item_size(item)",
        _integration("body"),
    ),
    Mutant(
        "a preview of control characters is as long as any",
        f"{_SHARED}/values/timeline_item.py",
        "PREVIEW_CHARACTERS if is_short else _PREVIEW_BYTES // _LARGEST_CHARACTER_BYTES",
        "PREVIEW_CHARACTERS",
        _integration("inbox"),
    ),
)

_CONVERSATIONS = (
    Mutant(
        "the last message is the last one of the request",
        f"{_SHARED}/values/conversation.py",
        'max((item for item in items if item.type == "message"), key=lambda item: item.reference, default=None)',
        'next((item for item in items[::-1] if item.type == "message"), None)',
        _integration("conversations_response"),
    ),
    Mutant(
        "a private note moves the time that the visitor sees",
        f"{_SHARED}/values/conversation.py",
        "visible = visible_to_visitor or not all(item.is_private for item in items)",
        "visible = True",
        _integration("timeline_items_added"),
    ),
    Mutant(
        "what our clock dates stands before what was there",
        f"{_SHARED}/values/conversation.py",
        "return max(now, reference_time(self.last_item or now))",
        "return now",
        _integration("messages"),
    ),
    Mutant(
        "a conversation's items outlast it",
        f"{_SHARED}/values/conversation.py",
        'return shared if self.ttl is None else {**shared, "ttl": self.ttl}',
        "return shared",
        _integration("retention"),
    ),
    Mutant(
        "both modes share their conversations",
        f"{_SHARED}/values/conversation.py",
        'return f"CONVERSATION#{website_id}#{mode}#{conversation_id}"',
        'return f"CONVERSATION#{website_id}#test#{conversation_id}"',
        _integration("tenants"),
    ),
    Mutant(
        "a private key is told the last public message though a private one is newer",
        f"{_SHARED}/values/conversation.py",
        "return _later(self.last_public_message, self.last_private_message)",
        "return self.last_public_message or self.last_private_message",
        _integration("timelines"),
    ),
    Mutant(
        "a conversation's time goes back with our clock",
        f"{_SHARED}/values/timestamps.py",
        "return max(now(), _to_text(datetime.fromisoformat(moment) + timedelta(milliseconds=1)))",
        "return now()",
        _integration("messages", "timeline_items_added"),
    ),
    Mutant(
        "a leap second is the next minute",
        f"{_SHARED}/values/timestamps.py",
        'second, fraction = "59", "999"',
        'second, fraction = "59", "000"',
        _unit("timestamps"),
    ),
)

_RULES = (
    Mutant(
        "every visitor of a website reaches every conversation",
        f"{_SHARED}/caller.py",
        "return self.visitor_id is None or self.visitor_id == conversation.visitor_id",
        "return True",
        _integration("access"),
    ),
    Mutant(
        "an id that no conversation can have is asked of the database",
        f"{_SHARED}/caller.py",
        "if re.fullmatch(ID, conversation_id) is None:",
        'if "\\n" in conversation_id:',
        _integration("access"),
    ),
    Mutant(
        "a public key learns by `after` that a private item exists",
        f"{_API}/domain/timelines.py",
        'is_visible = item is not None and not (item.is_private and key.type == "public")',
        "is_visible = item is not None",
        _integration("timelines_after"),
    ),
    Mutant(
        "private notes order a visitor's list",
        f"{_API}/domain/conversations.py",
        "return conversation.updated_at_for(key.type) if by_update",
        "return conversation.updated_at if by_update",
        _integration("conversations_list"),
    ),
    Mutant(
        "a visitor writes to a closed conversation by opening it again",
        f"{_API}/domain/conversations.py",
        'stored.conversation.status == "open" else',
        'stored.conversation.status != "spam" else',
        _integration("timeline_items_added"),
    ),
    Mutant(
        "an append says that it wrote nothing",
        f"{_API}/routes/conversations.py",
        "replayed=not opened.is_new and not opened.written",
        "replayed=not opened.is_new",
        _integration("conversations_append"),
    ),
    Mutant(
        "a visitor writes to a closed conversation by a message",
        f"{_API}/domain/messages.py",
        'conversation_closed() if is_public and conversation.status != "open" else None',
        'conversation_closed() if is_public and conversation.status == "spam" else None',
        _integration("messages"),
    ),
    Mutant(
        "a resolved conversation can't be spam",
        f"{_API}/domain/status.py",
        '"spam": _Transition(frozenset({"open", "resolved"})',
        '"spam": _Transition(frozenset({"open"})',
        _integration("status"),
    ),
    Mutant(
        "the visitor sees who changed the status",
        f"{_API}/domain/events.py",
        'visibility="private",\n        type="event",',
        'visibility="public",\n        type="event",',
        _integration("status"),
    ),
    Mutant(
        "an open conversation can be rated",
        f"{_API}/domain/ratings.py",
        'if status_for(before.status, caller.key.type) != "resolved":',
        'if before.status == "spam":',
        _integration("ratings"),
    ),
    Mutant(
        "a blocked visitor sends",
        f"{_API}/domain/messages.py",
        "if is_public and found.visitor_blocked:",
        "if is_public and found.not_returned:",
        _integration("visitors_blocked"),
    ),
    Mutant(
        "a blocked visitor opens",
        f"{_SHARED}/values/visitor.py",
        '"public": ("blockedAt", "erasing")',
        '"public": ("erasing",)',
        _integration("visitors_blocked"),
    ),
    Mutant(
        "a blocked visitor gives feedback",
        f"{_SHARED}/store/feedback.py",
        "[insert, Lacks(gate, CLOSES_GATE[key_type])]",
        "[insert]",
        _integration("feedback"),
    ),
    Mutant(
        "feedback is of a conversation that is somebody else's",
        f"{_API}/domain/feedback.py",
        "find(caller, request.conversation_id, stores)",
        "pass",
        _integration("feedback"),
    ),
    Mutant(
        "a blocked visitor opens with as many items as a transaction holds",
        f"{_SHARED}/store/conversations.py",
        "            if any(name in row for row in self._table.get_many([gate], deadline)",
        "            if all(name in row for row in self._table.get_many([gate], deadline)",
        _integration("visitors_blocked"),
    ),
    Mutant(
        "a blocked visitor adds to a conversation by opening it again",
        f"{_API}/domain/conversations.py",
        "if stored.visitor_blocked:",
        "if stored.not_returned:",
        _integration("visitors_blocked"),
    ),
    Mutant(
        "a visitor learns that they are taken for a spammer by a time",
        f"{_API}/domain/status.py",
        "items, visible_to_visitor=visible, acted_by=actor",
        "items, visible_to_visitor=True, acted_by=actor",
        _integration("status"),
    ),
    Mutant(
        "a page that has changed is taken for the one before",
        f"{_SHARED}/store/visitors.py",
        'marks["pageDigest"] = hashlib.sha256(to_json(place)).hexdigest()[:16]',
        'marks["pageDigest"] = ""',
        _integration("visitors"),
    ),
    Mutant(
        "an address over its limit fills the table with what its pages tell",
        f"{_API}/routes/visitors.py",
        "if not request.over_limit:",
        "if request.body:",
        _integration("visitors"),
    ),
    Mutant(
        "a public key learns by a rating what a server sent",
        f"{_API}/domain/idempotency.py",
        'keyed_hash(key, "fingerprint", key.type, ',
        'keyed_hash(key, "fingerprint", "", ',
        _integration("ratings"),
    ),
    Mutant(
        "a patch replaces the metadata",
        f"{_API}/domain/conversations.py",
        "{**(metadata or {}), **sent}",
        "{**sent}",
        _integration("conversations_patch"),
    ),
    Mutant(
        "seen is before the newest item",
        f"{_API}/domain/seen.py",
        "now = max(now, reference_time(last))",
        "now = min(now, reference_time(last))",
        _integration("seen"),
    ),
    Mutant(
        "the time at which a visitor saw it tells of a private note",
        f"{_API}/domain/seen.py",
        "conversation.last_item_for(caller.key.type)",
        "conversation.last_item",
        _integration("seen"),
    ),
)

_RACES = (
    Mutant(
        "an append lands in a conversation that was closed meanwhile",
        f"{_API}/domain/conversations.py",
        "return Update(before, after, opened, items, opened_by=key.type)",
        "return Update(before, after, opened, items, unchanged=(), opened_by=key.type)",
        _proofs("going_on"),
    ),
    Mutant(
        "a message lands in a conversation that was closed meanwhile",
        f"{_API}/domain/messages.py",
        'unchanged = ("status",) if is_public else ()',
        "unchanged = ()",
        _proofs("going_on"),
    ),
    Mutant(
        "a message whose retry overtook it is refused when the conversation is closed by then",
        f"{_API}/domain/messages.py",
        "refusal(stored.conversation) is not None and draft.id not in stored.items",
        "refusal(stored.conversation) is not None and draft.id in stored.not_returned",
        _proofs("going_on"),
    ),
    Mutant(
        "items of the conversation before are taken for those of the next",
        f"{_SHARED}/store/conversations.py",
        "if earlier.conversation.incarnation == self.conversation.incarnation:",
        "if earlier.conversation.id == self.conversation.id:",
        _proofs("races"),
    ),
    Mutant(
        "what was meant for a conversation that has ended is written into the next one of its id",
        f"{_API}/domain/writing.py",
        "if found.conversation.incarnation != conversation.incarnation:",
        "if found.conversation.id != conversation.id:",
        _proofs("races"),
    ),
    Mutant(
        "two ratings at once overwrite one another",
        f"{_API}/domain/ratings.py",
        '("status", "visitorRatingAt")',
        '("status",)',
        _proofs("going_on", "concurrency"),
    ),
    Mutant(
        "an item that does not come last is written on a stale count",
        f"{_SHARED}/store/conversations.py",
        'for name in ("itemCount", *_LAST_MESSAGES)',
        "for name in _LAST_MESSAGES",
        _proofs("races", "going_on"),
    ),
    Mutant(
        "an import is written though the last message was removed since",
        f"{_SHARED}/store/conversations.py",
        'for name in ("itemCount", *_LAST_MESSAGES)',
        'for name in ("itemCount",)',
        _integration("removals"),
    ),
    Mutant(
        "a removal makes an older message the last one though a newer one has come",
        "functions/api/domain/removals.py",
        '("removed", "itemCount") if is_last',
        '("removed",) if is_last',
        _integration("removals"),
    ),
    Mutant(
        "a removal misses that its item has become the last message",
        "functions/api/domain/removals.py",
        'else ("removed",)',
        "else ()",
        _integration("removals"),
    ),
    Mutant(
        "an erased conversation's row can expire, and its id be taken before its items are gone",
        f"{_SHARED}/values/conversation.py",
        "if name not in _LEFT_WHILE_ERASED}",
        "if name not in {*_LEFT_WHILE_ERASED, 'ttl'}}",
        _unit("erasing"),
    ),
    Mutant(
        "what is written of a visitor's page outlives the visitor's erasure",
        f"{_SHARED}/store/visitors.py",
        "            if missing:\n",
        "            if not rows:\n",
        _proofs("erasures"),
    ),
    Mutant(
        "a contact that is written while the visitor is erased leaves rows that find it",
        f"{_SHARED}/store/contacts.py",
        'GATE_SK), ["erasing"])',
        'GATE_SK), ["no"])',
        _proofs("erasures"),
    ),
    Mutant(
        "a run of an erasure that is late erases what the visitor wrote since",
        f"{_SHARED}/store/visitor_erasure.py",
        "else Check(self._gate, self._as_closed)",
        "else Check(self._gate, {})",
        _proofs("erasures"),
    ),
    Mutant(
        "an erasure takes another visitor's conversation, whose id was this one's",
        f"{_SHARED}/store/visitor_erasure.py",
        'expected={"visitorPK": self._pk, ',
        "expected={",
        _proofs("erasures"),
    ),
    Mutant(
        "an erasure is done though something was found a moment ago",
        "functions/erasing/operations.py",
        "                erasure.note_nothing_found(None, deadline)\n",
        "",
        _proofs("erasures"),
    ),
    Mutant(
        "keys that were listed long ago are deleted, whatever is stored under them by now",
        f"{_SHARED}/store/erasure.py",
        "delete_many(batch, soon)",
        "delete_many(batch, deadline)",
        _unit("erasing"),
    ),
    Mutant(
        "an item that comes at the end is written before one that overtook it",
        f"{_SHARED}/store/conversations.py",
        "above |= dict.fromkeys(_LAST_ITEMS, first)",
        'above |= {"createdAt": first}',
        _proofs("races", "going_on"),
    ),
    Mutant(
        "a time goes back to that of a slower write",
        f"{_SHARED}/store/conversations.py",
        "{name: becomes[name] for name in _TIMES if name in changed}",
        "{}",
        _proofs("going_on"),
    ),
    Mutant(
        "who of the team has seen a conversation is written into the next one",
        f"{_SHARED}/store/seen.py",
        'check = Check((conversation.pk, CONVERSATION_SK), {"incarnation": incarnation})',
        "check = Check((conversation.pk, CONVERSATION_SK), {})",
        _proofs("going_on"),
    ),
    Mutant(
        "a page is empty when its conversation expires while it is read",
        f"{_API}/domain/timelines.py",
        "if stores.conversations.is_kept(conversation):",
        "if conversation.id:",
        _proofs("reading"),
    ),
    Mutant(
        "operators overwrite one another",
        f"{_OPERATORS}/operations.py",
        'expected={"version": website.version}',
        "expected={}",
        _integration("operators_websites"),
    ),
    Mutant(
        "a change that is on its way goes on though the website has changed",
        f"{_OPERATORS}/operations.py",
        'Check(website.key, {"version": version})',
        "Check(website.key, {})",
        _integration("operators_websites"),
    ),
    Mutant(
        "a change of a profile that is on its way undoes a later one",
        f"{_OPERATORS}/operations.py",
        "after = website if begun else _with_changes(website, changes)",
        "after = _with_changes(website, changes)",
        _integration("operators_profile"),
    ),
)

_STORE = (
    Mutant(
        "a public key's page has private items",
        f"{_SHARED}/store/timelines.py",
        '{"public": ("public",), ',
        '{"public": ("public", "private"), ',
        _integration("timelines"),
    ),
    Mutant(
        "items of an earlier conversation of the id are shown",
        f"{_SHARED}/store/timelines.py",
        'for item in found if item["incarnation"] == conversation.incarnation)\n    return {item.id',
        "for item in found)\n    return {item.id",
        _integration("timelines", "conversations_list"),
    ),
    Mutant(
        "a timeline ends after its first page",
        f"{_SHARED}/store/timelines.py",
        "limit=limit + 1, descending=not ascending",
        "limit=limit, descending=not ascending",
        _integration("timelines"),
    ),
    Mutant(
        "a walk of the inbox tells a conversation twice that moves meanwhile",
        f"{_SHARED}/store/inbox.py",
        " and (after is None or one.inbox_sk < after)",
        "",
        _unit("inbox"),
    ),
    Mutant(
        "the inbox shows conversations of another status while the index is behind",
        f"{_SHARED}/store/inbox.py",
        "if one.status in statuses and (",
        "if (",
        _unit("inbox"),
    ),
    Mutant(
        "a list shows another visitor's conversation while the index is behind",
        f"{_SHARED}/store/conversations.py",
        "for one in conversations if one.visitor_id == visitor_id}",
        "for one in conversations}",
        _integration("conversations_list"),
    ),
    Mutant(
        "the visitor's seen goes back",
        f"{_SHARED}/store/seen.py",
        'above={"visitorLastSeenAt": now},',
        "above={},",
        _integration("seen"),
    ),
    Mutant(
        "a page of large items does not fit into an answer",
        f"{_SHARED}/store/timelines.py",
        "if number and size > max_bytes:",
        "if number and size > 10 * max_bytes:",
        _integration("timelines"),
    ),
)

_TABLE = (
    Mutant(
        "an item is gone in the second that its ttl names",
        f"{_SHARED}/dynamodb/table.py",
        "ttl >= int(time.time())",
        "ttl > int(time.time())",
        _unit("table"),
    ),
    Mutant(
        "a throttled table is asked again and again",
        f"{_SHARED}/dynamodb/table.py",
        "_THROTTLED_ATTEMPTS = 3",
        "_THROTTLED_ATTEMPTS = 5",
        _unit("table"),
    ),
    Mutant(
        "a query goes on in small steps where much has expired",
        f"{_SHARED}/dynamodb/table.py",
        "max(limit, _FOLLOW_UP_LIMIT) if is_follow_up else limit",
        "limit",
        _unit("table"),
    ),
    Mutant(
        "a page begins with the item that ended the one before",
        f"{_SHARED}/dynamodb/table.py",
        "key[:-1] + chr(ord(key[-1]) - 1) + _HIGHEST",
        "key",
        _integration("timelines"),
    ),
    Mutant(
        "a transaction is made anew though it may have been carried out",
        f"{_SHARED}/dynamodb/table.py",
        "may_be_carried_out = may_be_carried_out or not IN_CONFLICT",
        "may_be_carried_out = not IN_CONFLICT",
        _unit("table"),
    ),
    Mutant(
        "a read may be older than the last write",
        f"{_SHARED}/dynamodb/table.py",
        '"ConsistentRead": index.is_consistent,',
        '"ConsistentRead": False,',
        _unit("table"),
    ),
    Mutant(
        "an insert overwrites an item in the last second of its ttl",
        f"{_SHARED}/dynamodb/transactions.py",
        '"attribute_not_exists(PK) OR #ttl < :now"',
        '"attribute_not_exists(PK) OR #ttl <= :now"',
        _integration("retention"),
    ),
    Mutant(
        "a change revives an item that has expired",
        f"{_SHARED}/dynamodb/transactions.py",
        '"(attribute_not_exists(#ttl) OR #ttl >= :now)"',
        '"(attribute_not_exists(#ttl) OR #ttl >= :now OR #ttl < :now)"',
        _integration("table"),
    ),
    Mutant(
        "a change makes the item that it does not find",
        f"{_SHARED}/dynamodb/transactions.py",
        'conditions = ["attribute_exists(PK)"]',
        "conditions = []",
        _integration("table"),
    ),
    Mutant(
        "a change is carried out twice",
        f"{_SHARED}/dynamodb/transactions.py",
        "{attribute} < {value})",
        "{attribute} <= {value})",
        _integration("table"),
    ),
    Mutant(
        "an insert overwrites an item of the same incarnation",
        f"{_SHARED}/dynamodb/transactions.py",
        '" OR #within <> :within"',
        '" OR attribute_exists(#within) OR #within <> :within"',
        _integration("table"),
    ),
    Mutant(
        "a failed transaction returns more than DynamoDB answers with",
        f"{_SHARED}/dynamodb/transactions.py",
        "MAX_RETURNED_ITEMS = 10",
        "MAX_RETURNED_ITEMS = 100",
        _proofs("sizes"),
    ),
    Mutant(
        "a reply that was cut short counts",
        f"{_SHARED}/dynamodb/responses.py",
        "(is_error and checksum is None)",
        "checksum is not None",
        _unit("responses"),
    ),
    Mutant(
        "a 5xx that DynamoDB has no name for is not tried again",
        f"{_SHARED}/dynamodb/faults.py",
        "if code in _BUSY or error.status >= 500:",
        "if code in _BUSY:",
        _unit("table"),
    ),
    Mutant(
        "a failed condition beside a conflict is believed",
        f"{_SHARED}/dynamodb/faults.py",
        'if codes <= _BUSY_REASONS | {"ConditionalCheckFailed"}:',
        "if codes <= _BUSY_REASONS:",
        _unit("table"),
    ),
)

_VALIDATION = (
    Mutant(
        "an answer lists every mistake of a megabyte",
        f"{_SHARED}/validation.py",
        "first = list(islice(details, MAX_DETAILS))",
        "first = list(details)",
        _integration("errors"),
    ),
    Mutant(
        "one mistake is listed for each member of a union",
        f"{_SHARED}/validation.py",
        "if detail not in seen:",
        "if detail:",
        _unit("validation"),
    ),
    Mutant(
        "an answer repeats names of the client's metadata",
        f"{_SHARED}/validation.py",
        "        if step in opaque:\n            break\n",
        "",
        _integration("errors"),
    ),
    Mutant(
        "a list is validated to its end though its first entry is wrong",
        f"{_SHARED}/validation.py",
        '"fail_fast": True',
        '"fail_fast": False',
        _unit("validation"),
    ),
    Mutant(
        "metadata outgrow 16 KB by patches",
        f"{_SHARED}/values/metadata.py",
        "len(to_json(metadata)) > MAX_BYTES",
        "len(to_json(metadata)) > 2 * MAX_BYTES",
        _integration("conversations_patch"),
    ),
    Mutant(
        "a body of a byte more is accepted",
        f"{_API}/http/bodies.py",
        "if size > max_bytes:",
        "if size > max_bytes + 1:",
        _integration("body"),
    ),
    Mutant(
        "a whole number past a double's range is stored",
        f"{_API}/http/bodies.py",
        "(kind is int or kind is float) and",
        "kind is float and",
        _integration("body"),
    ),
)

_OPERATIONS = (
    Mutant(
        "a change of many keys asks for more than a transaction holds",
        f"{_OPERATORS}/operations.py",
        "_KEYS_PER_TRANSACTION = 49",
        "_KEYS_PER_TRANSACTION = 101",
        _integration("operators_websites"),
    ),
    Mutant(
        "a rotation makes a key last longer",
        f"{_OPERATORS}/operations.py",
        "end = min(end, old.expires_at or end)",
        "end = max(end, old.expires_at or end)",
        _integration("operators_keys"),
    ),
    Mutant(
        "a key with another end is taken for the one that was issued",
        f"{_OPERATORS}/operations.py",
        "if (existing.type, existing.mode, existing.name, existing.expires_at) != expected:",
        "if (existing.type, existing.mode, existing.name) != expected[:3]:",
        _integration("operators_repetitions"),
    ),
    Mutant(
        "a repeated deletion moves its date",
        f"{_OPERATORS}/operations.py",
        "deleted_at = website.deleted_at or now",
        "deleted_at = now",
        _integration("operators_websites"),
    ),
    Mutant(
        "a website with active keys is deleted unasked",
        f"{_OPERATORS}/operations.py",
        "if active and not event.force:",
        "if len(active) > 1 and not event.force:",
        _integration("operators_websites"),
    ),
    Mutant(
        "keys that never work again hold a change up",
        f"{_OPERATORS}/operations.py",
        'active = [key for key in keys if key.status(self.clock()) == "active"]\n        if website.deleted_at',
        "active = keys\n        if website.deleted_at",
        _integration("operators_websites"),
    ),
    Mutant(
        "a key is active in the second in which it expires",
        f"{_OPERATORS}/key_records.py",
        "self.expires_at <= now",
        "self.expires_at < now",
        _integration("operators_keys"),
    ),
    Mutant(
        "a change that failed its condition is said to be in doubt",
        f"{_OPERATORS}/operations.py",
        "                    in_doubt = False\n",
        "",
        _integration("operators_keys", "operators_websites"),
    ),
)

_CONTACTS = (
    Mutant(
        "an identity token may last for a year",
        f"{_SHARED}/identity_tokens.py",
        "_MAX_SECONDS = 24 * 60 * 60",
        "_MAX_SECONDS = 365 * 24 * 60 * 60",
        _unit("identity_tokens"),
    ),
    Mutant(
        "an identity token without an end is one",
        f"{_SHARED}/identity_tokens.py",
        "if not now - _LEEWAY_SECONDS < identity.exp <= now + _MAX_SECONDS + _LEEWAY_SECONDS:",
        "if identity.exp <= now - _LEEWAY_SECONDS or identity.exp > now + _MAX_SECONDS + _LEEWAY_SECONDS:",
        _unit("identity_tokens"),
    ),
    Mutant(
        "an identity token of another website counts",
        f"{_SHARED}/identity_tokens.py",
        "if identity.aud is not None and key.website_id not in (",
        'if identity.aud == "" and key.website_id not in (',
        _unit("identity_tokens"),
    ),
    Mutant(
        "a rotated identity secret signs for ever",
        f"{_SHARED}/identity_tokens.py",
        "for secret in key.identity_secrets if secret.is_usable(now)",
        "for secret in key.identity_secrets",
        _unit("identity_tokens"),
    ),
    Mutant(
        "a second rotation ends the identity secret in use",
        f"{_OPERATORS}/operations.py",
        "return [secret for secret in (*kept[:-1], ending) if secret.is_usable(now)]",
        "return [secret for secret in (ending,) if secret.is_usable(now)]",
        _integration("operators_identity_secrets"),
    ),
    Mutant(
        "a claim changes what is proven",
        f"{_API}/domain/contacts.py",
        "if is_changed and visitor.proves(field) and not said.is_proven:",
        "if is_changed and visitor.proves(field) and said.image:",
        _integration("contacts"),
    ),
    Mutant(
        "a body adds to what its token proves",
        f"{_API}/domain/contacts.py",
        "if said is not None and said != signed[name]:",
        "if said is not None and signed[name] is not None and said != signed[name]:",
        _integration("contacts"),
    ),
    Mutant(
        "another account keeps the name of the one before",
        f"{_API}/domain/contacts.py",
        "return said.is_proven and is_known and visitor.external_id != said.external_id",
        "return False and is_known",
        _integration("contacts"),
    ),
    Mutant(
        "two tabs that identify at once lose what one says",
        f"{_SHARED}/store/contacts.py",
        "for name in sorted(names)}, expected=_as_read(before))",
        "for name in sorted(names)})",
        _proofs("contacts"),
    ),
    Mutant(
        "what somebody said before still finds them",
        f"{_SHARED}/store/contacts.py",
        "[Delete(key) for key in earlier if key not in after.lookups]",
        "[Delete(key) for key in earlier if key not in earlier]",
        _integration("contacts"),
    ),
    Mutant(
        "who only claims to be somebody is erased with them",
        f"{_OPERATORS}/operations.py",
        'for standing in ("proven", "claimed") if event.include_claims else ("proven",):',
        'for standing in ("proven", "claimed"):',
        _integration("operators_person"),
    ),
    Mutant(
        "what finds a contact ends before it",
        f"{_SHARED}/store/visitors.py",
        "self._contacts.renew(None if known is None else Visitor.from_item(known), deadline)",
        "self._contacts.renew(None, deadline)",
        _integration("contacts"),
    ),
)

_FEED = (
    Mutant(
        "a write leaves the ids of the items of another one",
        f"{_SHARED}/store/conversations.py",
        "    changed |= {name: becomes.get(name) for name in _OF_ONE_WRITE}\n",
        "",
        _integration("last_write"),
    ),
    Mutant(
        "a conversation of an id that was used before is told as a change",
        f"{_SHARED}/values/conversation_write.py",
        "before.incarnation != after.incarnation",
        "before.id != after.id",
        _unit("feed", "publisher"),
    ),
    Mutant(
        "an erasure is told",
        f"{_SHARED}/values/conversation_write.py",
        " or is_erased(record.after)",
        "",
        _unit("feed", "publisher"),
    ),
    Mutant(
        "a visitor is told of a private item",
        "functions/feed/telling.py",
        '(key_type == "private" or not item.is_private)',
        "True",
        _unit("feed"),
    ),
    Mutant(
        "items of a write are told as they were sent",
        "functions/feed/telling.py",
        "    return sorted(shown, key=lambda item: item.reference)",
        "    return shown",
        _unit("feed"),
    ),
    Mutant(
        "an item whose content was removed is told as new",
        "functions/feed/telling.py",
        "not item.is_removed and (key_type",
        "(key_type",
        _unit("feed"),
    ),
    Mutant(
        "a batch whose database did not respond counts as told",
        "functions/feed/app.py",
        "return portion[0].record",
        "continue",
        _unit("feed"),
    ),
    Mutant(
        "items are read though nobody listens",
        "functions/feed/audience.py",
        "for key_type, connections in found if connections]",
        "for key_type, connections in found]",
        _unit("feed"),
    ),
    Mutant(
        "a batch goes on after a call of which the bus took nothing",
        "functions/publisher/app.py",
        "                return call[0].record\n",
        "                continue\n",
        _unit("publisher"),
    ),
    Mutant(
        "a busy bus loses an event to the queue at once",
        "functions/publisher/app.py",
        "if failure.is_busy and not self._has_waited_long(one):",
        "if False:",
        _unit("publisher"),
    ),
    Mutant(
        "the stream forgets what a bus did not take for a day",
        "functions/publisher/app.py",
        "if failure.is_busy and not self._has_waited_long(one):",
        "if failure.is_busy:",
        _unit("publisher"),
    ),
    Mutant(
        "a response of the bus that lacks entries counts as taken",
        "functions/publisher/bus.py",
        "if len(results) != len(entries):",
        "if False:",
        _unit("publisher"),
    ),
    Mutant(
        "a record that cannot be read ends the batch",
        "functions/publisher/app.py",
        "                continue\n            if event is not None:",
        "                break\n            if event is not None:",
        _unit("publisher"),
    ),
)

_SOCKETS = (
    Mutant(
        "a connection that is not there yet is forgotten",
        f"{_SHARED}/delivery.py",
        "if self._clock() * 1000 - connection.connected_at < _YOUNG_MILLISECONDS:",
        "if self._clock() * 1000 < _YOUNG_MILLISECONDS:",
        _unit("delivery"),
    ),
    Mutant(
        "a connection gets more though its key was revoked",
        f"{_SHARED}/delivery.py",
        "return key is not None and key.is_usable(self._clock())",
        "return key is None or key.is_usable(self._clock()) or True",
        _unit("delivery"),
    ),
    Mutant(
        "a message that met a busy connection is lost",
        f"{_SHARED}/delivery.py",
        "if outcome is not Outcome.POSTED:",
        "if outcome in {Outcome.GONE, Outcome.REFUSED}:",
        _unit("delivery"),
    ),
    Mutant(
        "a visitor is told that they are taken for a spammer",
        f"{_SHARED}/values/conversation.py",
        'return "resolved" if status == "spam" and key_type == "public" else status',
        "return status",
        _unit("frames"),
    ),
    Mutant(
        "a team member hears that they type themselves",
        f"{_SHARED}/typing_signals.py",
        "if one.user_id != user_id",
        "if one.id != user_id",
        _integration("typing"),
    ),
    Mutant(
        "what a visitor has not sent yet is always passed on",
        f"{_SHARED}/typing_signals.py",
        "is_typing and key.profile.typing_preview else None",
        "is_typing else None",
        _integration("typing"),
    ),
    Mutant(
        "typing reaches the team of a conversation that is not the visitor's",
        "functions/sockets/messages.py",
        "Caller(key, connection.visitor_id, deadline)",
        "Caller(key, None, deadline)",
        _integration("socket_messages"),
    ),
    Mutant(
        "any number of signals a second is passed on",
        "functions/sockets/messages.py",
        "int(self._clock())) <= _SIGNALS_PER_SECOND",
        "int(self._clock())) > 0",
        _integration("socket_messages"),
    ),
    Mutant(
        "a key opens a connection to a website that is not its own",
        "functions/sockets/handshakes.py",
        'if handshake.query.get("websiteId", key.website_id) != key.website_id:',
        'if not handshake.query.get("websiteId", key.website_id):',
        _integration("handshakes"),
    ),
    Mutant(
        "the key of an address comes before that of a header",
        "functions/sockets/handshakes.py",
        "if credential := credential_of(handshake.headers):",
        "if not handshake.query and (credential := credential_of(handshake.headers)):",
        _integration("handshakes"),
    ),
    Mutant(
        "a client that could not be welcomed is let in",
        "functions/sockets/handshakes.py",
        "if not self._welcome(connection.id):",
        "if self._welcome(connection.id) is None:",
        _integration("handshakes"),
    ),
    Mutant(
        "a conversation that ended while nobody listened is not told",
        "functions/sockets/welcomes.py",
        '    if conversation.status != "open":\n',
        '    if conversation.status == "spam":\n',
        _integration("welcomes"),
    ),
    Mutant(
        "what is unread is not sent once it is ten minutes old",
        "functions/sockets/welcomes.py",
        'min(conversation.visitor_last_seen_at or "", from_epoch(self._clock() - _RECENT_SECONDS))',
        "from_epoch(self._clock() - _RECENT_SECONDS)",
        _integration("welcomes"),
    ),
)

_FILES = tuple(
    Mutant(f"files: {breaks}", file, old, new, _unit("files_that_arrive"))
    for breaks, file, old, new in (
        ("any size is served", f"{_SHARED}/files.py", "if not 0 < start.size <= MAX_FILE_BYTES:", "if not start.size:"),
        ("a binary is a text", f"{_SHARED}/files.py", 'if b"\\0" in content:', "if False:"),
        ("a copy that is not served stays", f"{_SHARED}/files.py", "if now is None or now.etag != etag:", "if False:"),
        (
            "what another look serves is not found",
            f"{_SHARED}/files.py",
            "return self._served(file, deadline)",
            "return None",
        ),
        (
            "what a signed address writes is served",
            "functions/files/app.py",
            "key = served.place.copy_key(served.etag)",
            "key = served.place.upload_key",
        ),
        ("a browser comes too late", "functions/files/app.py", "_CACHED_SECONDS = 240", "_CACHED_SECONDS = 301"),
        (
            "an upload that came meanwhile is deleted unseen",
            "functions/files/arrivals.py",
            "self._bucket.delete(object_key, etag)",
            "self._bucket.delete(object_key)",
        ),
        (
            "the copies of a removed file stay",
            "functions/files/arrivals.py",
            "in self._bucket.objects(place.copies):",
            "in ():",
        ),
        ("a list ends with its first page", f"{_SHARED}/aws/bucket.py", "if not token:", "if True:"),
        (
            "what is no list has no objects",
            f"{_SHARED}/aws/bucket.py",
            'if page.tag != f"{_XML}ListBucketResult":',
            "if False:",
        ),
        (
            "a part of a text is looked at",
            f"{_SHARED}/aws/bucket.py",
            " or len(response.body) != min(length, int(size[1])):",
            ":",
        ),
        (
            "a failed copy counts as done",
            f"{_SHARED}/aws/bucket.py",
            ' or _parse(response).tag.removeprefix(_XML) != "CopyObjectResult":',
            ":",
        ),
    )
)


MUTANTS = (
    *_ORIGINS,
    *_CREDENTIALS,
    *_RATE_LIMITS,
    *_IDS,
    *_ITEMS,
    *_CONVERSATIONS,
    *_RULES,
    *_RACES,
    *_STORE,
    *_TABLE,
    *_VALIDATION,
    *_OPERATIONS,
    *_CONTACTS,
    *_FEED,
    *_SOCKETS,
    *_FILES,
)
