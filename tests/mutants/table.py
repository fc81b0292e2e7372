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
        f"{_SHARED}/origins.py",
        '(scheme != "https" or _OWN_MACHINE.fullmatch(host))',
        "_OWN_MACHINE.fullmatch(host)",
        _unit("origins"),
    ),
    Mutant(
        "a wildcard covers every port",
        f"{_SHARED}/origins.py",
        'suffix = f":{port}" if port else ""',
        'suffix = ""',
        _unit("origins"),
    ),
    Mutant(
        "a wildcard covers every host that ends like it",
        f"{_SHARED}/origins.py",
        'host = host.partition(".")[2]',
        "host = host[1:]",
        _unit("origins"),
    ),
    Mutant(
        "a live key accepts every loopback origin that is listed",
        f"{_SHARED}/origins.py",
        "(origin == APP_ON_LOCALHOST and origin in allowed)",
        "origin in allowed",
        _unit("origins"),
    ),
    Mutant(
        "a character outside of ASCII is lower-cased into an allowed host",
        f"{_SHARED}/origins.py",
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
        "a valid public key makes up for an invalid private one",
        f"{_API}/authentication.py",
        "if _NAMES_BEARER.fullmatch(authorization):",
        "if _BEARER.fullmatch(authorization):",
        _integration("credentials"),
    ),
    Mutant(
        "a revoked or expired key works",
        f"{_API}/authentication.py",
        "key is None or not key.is_usable(time.time())",
        "key is None",
        _integration("credentials"),
    ),
    Mutant(
        "a public key works as a private one",
        f"{_API}/authentication.py",
        "if key_type(secret) == wanted else None",
        "if key_type(secret) else None",
        _integration("credentials"),
    ),
    Mutant(
        "a public key may do what is the company's",
        f"{_API}/authentication.py",
        'accepted == "private" and key.type != "private"',
        "accepted == key.type",
        _integration("statuses"),
    ),
    Mutant(
        "a key works in the second in which it expires",
        f"{_SHARED}/api_key.py",
        "now < self.expires_at",
        "now <= self.expires_at",
        _unit("keys"),
    ),
    Mutant(
        "an unknown key is remembered as long as a known one",
        f"{_SHARED}/key_ring.py",
        "min(_UNKNOWN_SECONDS, cache_seconds)",
        "cache_seconds",
        _unit("keys"),
    ),
)

_RATE_LIMITS = (
    Mutant(
        "a client without a proxy chooses its address",
        f"{_API}/addresses.py",
        "if not any(client in proxy for proxy in trusted):",
        "if trusted and not any(client in proxy for proxy in trusted):",
        _unit("rate_limits"),
    ),
    Mutant(
        "each address of an IPv6 host has a limit of its own",
        f"{_API}/addresses.py",
        "(client, 64)",
        "(client, 128)",
        _unit("rate_limits"),
    ),
    Mutant(
        "both modes share a limit",
        f"{_API}/rate_limits.py",
        "RATE#{key.website_id}#{key.mode}#{client}",
        "RATE#{key.website_id}#{client}",
        _unit("rate_limits"),
    ),
    Mutant(
        "no address ever reaches its limit",
        f"{_API}/rate_limits.py",
        "if not quota.remaining:",
        "if quota.remaining < 0:",
        _unit("rate_limits"),
    ),
    Mutant(
        "a counter expires with its window",
        f"{_API}/rate_limits.py",
        "WINDOW_SECONDS + 2) * WINDOW_SECONDS",
        "WINDOW_SECONDS + 1) * WINDOW_SECONDS",
        _unit("rate_limits"),
    ),
    Mutant(
        "counts queue behind one that hangs",
        f"{_API}/rate_limits.py",
        "counted.cancel()",
        "counted.done()",
        _unit("rate_limits"),
    ),
)

_IDS = (
    Mutant(
        "two items alike of one request have one id",
        f"{_API}/ids.py",
        'f"{conversation_id}#{position}"',
        "conversation_id",
        _unit("ids"),
    ),
    Mutant(
        "a visitor gets the id of the company's next item",
        f"{_API}/ids.py",
        "#{key.mode}#{key.type}#{scope}#",
        "#{key.mode}#{scope}#",
        _integration("item_ids"),
    ),
    Mutant(
        "visitors share their Idempotency-Keys",
        f"{_API}/ids.py",
        '_digest(key, "conversation", visitor_id, ',
        '_digest(key, "conversation", "", ',
        _unit("ids"),
    ),
    Mutant(
        "a time makes another item of the same words",
        f"{_API}/drafts.py",
        '_NOT_SAID = {"id", "created_at", ',
        '_NOT_SAID = {"id", ',
        _integration("replay"),
    ),
    Mutant(
        "a request may send an item's generated id beside that item",
        f"{_API}/drafts.py",
        "used.add(draft.id)",
        "used.add(sent.id)",
        _integration("timeline_items"),
    ),
    Mutant(
        "an Idempotency-Key stands for whatever is sent with it",
        f"{_API}/opening.py",
        "self._fingerprint is not None and self._conversation.fingerprint != self._fingerprint",
        "self._fingerprint is not None and self._conversation.fingerprint is None",
        _integration("idempotency_key"),
    ),
)

_ITEMS = (
    Mutant(
        "a clock that is ahead puts a message behind all later ones",
        f"{_API}/drafts.py",
        "return server_time if sent_at > now else sent_at",
        "return sent_at",
        _integration("added_items"),
    ),
    Mutant(
        "a server's clock may be an hour ahead",
        f"{_API}/drafts.py",
        "_CLOCK_TOLERANCE_SECONDS = 300",
        "_CLOCK_TOLERANCE_SECONDS = 3_600",
        _integration("messages"),
    ),
    Mutant(
        "a visitor's added item names no visitor where it was sent without one",
        f"{_API}/drafts.py",
        "server_time, by_visitor=True)",
        "server_time, by_visitor=sent.is_by_visitor)",
        _integration("added_items"),
    ),
    Mutant(
        "a visitor may write as an AI agent",
        f"{_API}/drafts.py",
        "if self.sent.user_id or self.sent.ai_agent_id:",
        "if self.sent.user_id:",
        _integration("messages"),
    ),
    Mutant(
        "the acting user is made the author of an AI agent's message",
        f"{_API}/drafts.py",
        "sent.user_id is None and sent.ai_agent_id is None and not sent.is_by_visitor",
        "sent.user_id is None and not sent.is_by_visitor",
        _integration("messages"),
    ),
    Mutant(
        "a public key is answered with the private item that it names",
        f"{_API}/drafts.py",
        "if item.is_private:",
        'if item.is_private and key.type == "private":',
        _integration("append", "messages"),
    ),
    Mutant(
        "a visitor takes an id from the company by using it first",
        f"{_API}/drafts.py",
        'key.type == "private" and item.written_by == "public" and not',
        'key.type == "public" and item.written_by == "public" and not',
        _integration("item_ids"),
    ),
    Mutant(
        "the company's own stored item conflicts with what it sends",
        f"{_API}/drafts.py",
        'key.type == "private" and item.written_by == "public" and not',
        'key.type == "private" and not',
        _integration("item_ids"),
    ),
    Mutant(
        "a message with a file and a text loses its text part",
        f"{_SHARED}/timeline_item.py",
        "if text is not None and not texts:",
        "if text is not None and not parts:",
        _integration("timeline_items"),
    ),
    Mutant(
        "true and 1 say the same",
        f"{_SHARED}/timeline_item.py",
        "return json.dumps(said, sort_keys=True)",
        "return said",
        _integration("item_ids"),
    ),
    Mutant(
        "ten items of one millisecond are out of order",
        f"{_SHARED}/timeline_item.py",
        "{self.position:09d}",
        "{self.position}",
        _integration("reading"),
    ),
    Mutant(
        "large content is told by its characters and not by its bytes",
        f"{_SHARED}/timeline_item.py",
        "len(content) <= MAX_INDEXED_BYTES // 4 or len(content.encode()) <= MAX_INDEXED_BYTES",
        "len(content) <= MAX_INDEXED_BYTES",
        _integration("answers"),
    ),
    Mutant(
        "an item's entry in the index does not count for its size",
        f"{_SHARED}/timeline_item.py",
        "return item_size(item) + item_size({name: item[name] for name in (*_KEYS, *INDEXED) if name in item})",
        "return item_size(item)",
        _integration("body"),
    ),
    Mutant(
        "a preview of control characters is as long as any",
        f"{_SHARED}/timeline_item.py",
        "return preview if is_short else preview[: _PREVIEW_BYTES // _LARGEST_CHARACTER_BYTES]",
        "return preview",
        _integration("inbox"),
    ),
)

_CONVERSATIONS = (
    Mutant(
        "the last item is the last one of the request",
        f"{_SHARED}/conversation.py",
        "public_message = max(public_message, reference) if is_message",
        "public_message = reference if is_message",
        _integration("answers"),
    ),
    Mutant(
        "a private note moves the time that the visitor sees",
        f"{_SHARED}/conversation.py",
        "is_seen = is_seen or not all(item.is_private for item in items)",
        "is_seen = True",
        _integration("added_items"),
    ),
    Mutant(
        "what our clock dates stands before what was there",
        f"{_SHARED}/conversation.py",
        "return max(now, reference_time(self.last_item or now))",
        "return now",
        _integration("messages"),
    ),
    Mutant(
        "a conversation's items outlast it",
        f"{_SHARED}/conversation.py",
        'return shared if self.ttl is None else {**shared, "ttl": self.ttl}',
        "return shared",
        _integration("retention"),
    ),
    Mutant(
        "both modes share their conversations",
        f"{_SHARED}/conversation.py",
        'return f"CONVERSATION#{website_id}#{mode}#{conversation_id}"',
        'return f"CONVERSATION#{website_id}#test#{conversation_id}"',
        _integration("tenants"),
    ),
    Mutant(
        "a private key is told the last public message though a private one is newer",
        f"{_SHARED}/conversation.py",
        "return _later(self.last_public_message, self.last_private_message)",
        "return self.last_public_message or self.last_private_message",
        _integration("reading"),
    ),
    Mutant(
        "a conversation's time goes back with our clock",
        f"{_SHARED}/timestamps.py",
        "return max(now(), _to_text(datetime.fromisoformat(moment) + timedelta(milliseconds=1)))",
        "return now()",
        _integration("messages", "added_items"),
    ),
    Mutant(
        "a leap second is the next minute",
        f"{_SHARED}/timestamps.py",
        'second, fraction = "59", "999"',
        'second, fraction = "59", "000"',
        _unit("timestamps"),
    ),
)

_RULES = (
    Mutant(
        "every visitor of a website reaches every conversation",
        f"{_API}/callers.py",
        "return self.visitor_id is None or self.visitor_id == conversation.visitor_id",
        "return True",
        _integration("whose"),
    ),
    Mutant(
        "an id that no conversation can have is asked of the database",
        f"{_API}/reading.py",
        "if re.fullmatch(ID, conversation_id) is None:",
        'if "\\n" in conversation_id:',
        _integration("whose"),
    ),
    Mutant(
        "a public key learns by a cursor that a private item exists",
        f"{_API}/reading.py",
        'before is None or (before.is_private and key_type != "private")',
        "before is None",
        _integration("reading"),
    ),
    Mutant(
        "private notes order a visitor's list",
        f"{_API}/reading.py",
        "return conversation.updated_at_for(key.type) if by_update",
        "return conversation.updated_at if by_update",
        _integration("listing"),
    ),
    Mutant(
        "a visitor writes to a closed conversation by opening it again",
        f"{_API}/opening.py",
        'if self._conversation.status != "open":\n                raise closed()',
        'if self._conversation.status == "spam":\n                raise closed()',
        _integration("added_items"),
    ),
    Mutant(
        "an append says that it wrote nothing",
        f"{_API}/routes/conversations.py",
        "replayed=not opened.is_new and not opened.written",
        "replayed=not opened.is_new",
        _integration("append"),
    ),
    Mutant(
        "a visitor writes to a closed conversation by a message",
        f"{_API}/sending.py",
        'if key.type == "public" and conversation.status != "open":',
        'if key.type == "public" and conversation.status == "spam":',
        _integration("messages"),
    ),
    Mutant(
        "a resolved conversation can't be spam",
        f"{_API}/changing.py",
        '"spam": _Way(frozenset({"open", "resolved"})',
        '"spam": _Way(frozenset({"open"})',
        _integration("statuses"),
    ),
    Mutant(
        "the visitor sees who changed the status",
        f"{_API}/changing.py",
        'visibility="private",\n        type="event",',
        'visibility="public",\n        type="event",',
        _integration("statuses"),
    ),
    Mutant(
        "an open conversation can be rated",
        f"{_API}/changing.py",
        'if conversation.status != "resolved":',
        'if conversation.status == "spam":',
        _integration("ratings"),
    ),
    Mutant(
        "a public key learns by a rating what a server sent",
        f"{_API}/changing.py",
        '"comment": request.comment, "key": caller.key.type}',
        '"comment": request.comment}',
        _integration("ratings"),
    ),
    Mutant(
        "a patch replaces the metadata",
        f"{_API}/changing.py",
        "{**(metadata or {}), **sent}",
        "{**sent}",
        _integration("patch"),
    ),
    Mutant(
        "seen is before the newest item",
        f"{_API}/seeing.py",
        "now = max(now, reference_time(last))",
        "now = min(now, reference_time(last))",
        _integration("seen"),
    ),
    Mutant(
        "the time at which a visitor saw it tells of a private note",
        f"{_API}/seeing.py",
        'conversation.last_public_item if caller.key.type == "public" else conversation.last_item',
        "conversation.last_item",
        _integration("seen"),
    ),
)

_RACES = (
    Mutant(
        "an append lands in a conversation that was closed meanwhile",
        f"{_API}/opening.py",
        'unchanged = ("status",) if self._call.key.type == "public" else ()',
        'unchanged = ("status",) if self._call.key.type == "private" else ()',
        _proofs("going_on"),
    ),
    Mutant(
        "a message lands in a conversation that was closed meanwhile",
        f"{_API}/sending.py",
        'unchanged = ("status",) if key.type == "public" else ()',
        'unchanged = ("status",) if key.type == "private" else ()',
        _proofs("going_on"),
    ),
    Mutant(
        "a message whose retry overtook it is refused when the conversation is closed by then",
        f"{_API}/sending.py",
        'if stored.unread or stored.conversation.status != "open":',
        "if stored.unread:",
        _proofs("going_on"),
    ),
    Mutant(
        "items of the conversation before are taken for those of the next",
        f"{_API}/opening.py",
        "            self._known = {}",
        "            pass",
        _proofs("races"),
    ),
    Mutant(
        "an append is written though its conversation has made way for another",
        f"{_API}/opening.py",
        "not unread <= self._known.keys() and not self._store.stands(self._conversation, self._call.deadline)",
        "not unread <= self._known.keys() and not self._conversation",
        _proofs("races"),
    ),
    Mutant(
        "two ratings at once overwrite one another",
        f"{_API}/changing.py",
        '("status", "visitorRatingAt")',
        '("status",)',
        _proofs("going_on", "concurrency"),
    ),
    Mutant(
        "an item that does not come last is written on a stale count",
        f"{_SHARED}/conversation_store.py",
        'expected["itemCount"] = was["itemCount"]',
        'expected["visitorId"] = was["visitorId"]',
        _proofs("races", "going_on"),
    ),
    Mutant(
        "an item that comes at the end is written before one that overtook it",
        f"{_SHARED}/conversation_store.py",
        "above |= dict.fromkeys(_LAST_ITEMS, first)",
        'above |= {"createdAt": first}',
        _proofs("races", "going_on"),
    ),
    Mutant(
        "a time goes back to that of a slower write",
        f"{_SHARED}/conversation_store.py",
        "{name: becomes[name] for name in _TIMES if name in changed}",
        "{}",
        _proofs("going_on"),
    ),
    Mutant(
        "who of the team has seen a conversation is written into the next one",
        f"{_SHARED}/conversation_store.py",
        'check = Check((conversation.pk, CONVERSATION_SK), {"incarnation": incarnation})',
        "check = Check((conversation.pk, CONVERSATION_SK), {})",
        _proofs("going_on"),
    ),
    Mutant(
        "a page is empty when its conversation expires while it is read",
        f"{_SHARED}/conversation_store.py",
        'if len(whole) < len(large) or not is_there({} if conversation.ttl is None else {"ttl": conversation.ttl}):',
        "if len(whole) < len(large):",
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
        f"{_SHARED}/conversation_store.py",
        '{"public": ("public",), ',
        '{"public": ("public", "private"), ',
        _integration("reading"),
    ),
    Mutant(
        "items of an earlier conversation of the id are shown",
        f"{_SHARED}/conversation_store.py",
        'for item in found if item["incarnation"] == conversation.incarnation)\n    return {item.id',
        "for item in found)\n    return {item.id",
        _integration("reading", "listing"),
    ),
    Mutant(
        "a timeline ends after its first page",
        f"{_SHARED}/conversation_store.py",
        "after=after, limit=limit + 1, descending=True",
        "after=after, limit=limit, descending=True",
        _integration("reading"),
    ),
    Mutant(
        "a walk of the inbox tells a conversation twice that moves meanwhile",
        f"{_SHARED}/conversation_store.py",
        "and (after is None or conversation.inbox_sk < after)",
        "",
        _unit("inbox"),
    ),
    Mutant(
        "the inbox shows conversations of another status while the index is behind",
        f"{_SHARED}/conversation_store.py",
        "if conversation.status == status and",
        "if",
        _unit("inbox"),
    ),
    Mutant(
        "a list shows another visitor's conversation while the index is behind",
        f"{_SHARED}/conversation_store.py",
        "if conversation.visitor_id == visitor_id]",
        "if conversation.visitor_id]",
        _integration("listing"),
    ),
    Mutant(
        "the visitor's seen goes back",
        f"{_SHARED}/conversation_store.py",
        'above={"visitorLastSeenAt": now},',
        "above={},",
        _integration("seen"),
    ),
    Mutant(
        "a page of large items does not fit into an answer",
        f"{_SHARED}/conversation_store.py",
        "if number and size > max_bytes:",
        "if number and size > 10 * max_bytes:",
        _integration("reading"),
    ),
)

_TABLE = (
    Mutant(
        "an item is gone in the second that its ttl names",
        f"{_SHARED}/table.py",
        "ttl >= int(time.time())",
        "ttl > int(time.time())",
        _unit("table"),
    ),
    Mutant(
        "a throttled table is asked again and again",
        f"{_SHARED}/table.py",
        "_THROTTLED_ATTEMPTS = 3",
        "_THROTTLED_ATTEMPTS = 5",
        _unit("table"),
    ),
    Mutant(
        "a query goes on in small steps where much has expired",
        f"{_SHARED}/table.py",
        "max(limit, _FOLLOW_UP_LIMIT) if is_follow_up else limit",
        "limit",
        _unit("table"),
    ),
    Mutant(
        "a page begins with the item that ended the one before",
        f"{_SHARED}/table.py",
        "return sort_key[:-1] + chr(ord(sort_key[-1]) - 1) + _HIGHEST",
        "return sort_key",
        _integration("reading"),
    ),
    Mutant(
        "a transaction is made anew though it may have been carried out",
        f"{_SHARED}/table.py",
        "may_be_carried_out = may_be_carried_out or not IN_CONFLICT",
        "may_be_carried_out = not IN_CONFLICT",
        _unit("table"),
    ),
    Mutant(
        "a read may be older than the last write",
        f"{_SHARED}/table.py",
        '"ConsistentRead": index.is_consistent,',
        '"ConsistentRead": False,',
        _unit("table"),
    ),
    Mutant(
        "an insert overwrites an item in the last second of its ttl",
        f"{_SHARED}/transactions.py",
        '"attribute_not_exists(PK) OR #ttl < :now"',
        '"attribute_not_exists(PK) OR #ttl <= :now"',
        _integration("retention"),
    ),
    Mutant(
        "a change revives an item that has expired",
        f"{_SHARED}/transactions.py",
        '"attribute_exists(PK)", "(attribute_not_exists(#ttl) OR #ttl >= :now)"',
        '"attribute_exists(PK)", "(attribute_not_exists(#ttl) OR #ttl >= :now OR #ttl < :now)"',
        _integration("table"),
    ),
    Mutant(
        "a change makes the item that it does not find",
        f"{_SHARED}/transactions.py",
        '"attribute_exists(PK)", "(attribute_not_exists(#ttl) OR',
        '"(attribute_not_exists(#ttl) OR',
        _integration("table"),
    ),
    Mutant(
        "a change is carried out twice",
        f"{_SHARED}/transactions.py",
        "{attribute} < {value})",
        "{attribute} <= {value})",
        _integration("table"),
    ),
    Mutant(
        "an insert overwrites an item of the same incarnation",
        f"{_SHARED}/transactions.py",
        '" OR #within <> :within"',
        '" OR attribute_exists(#within) OR #within <> :within"',
        _integration("table"),
    ),
    Mutant(
        "a failed transaction returns more than DynamoDB answers with",
        f"{_SHARED}/transactions.py",
        "MAX_RETURNED_ITEMS = 10",
        "MAX_RETURNED_ITEMS = 100",
        _proofs("sizes"),
    ),
    Mutant(
        "a reply that was cut short counts",
        f"{_SHARED}/replies.py",
        "(is_error and checksum is None)",
        "checksum is not None",
        _unit("replies"),
    ),
    Mutant(
        "a 5xx that DynamoDB has no name for is not tried again",
        f"{_SHARED}/faults.py",
        'code in _BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500',
        "code in _BUSY",
        _unit("table"),
    ),
    Mutant(
        "a failed condition beside a conflict is believed",
        f"{_SHARED}/faults.py",
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
        f"{_SHARED}/metadata.py",
        "len(to_json(metadata)) > MAX_BYTES",
        "len(to_json(metadata)) > 2 * MAX_BYTES",
        _integration("patch"),
    ),
    Mutant(
        "a body of a byte more is accepted",
        f"{_API}/bodies.py",
        "if len(body) > MAX_BODY_BYTES:",
        "if len(body) > MAX_BODY_BYTES + 1:",
        _integration("body"),
    ),
    Mutant(
        "a number past a double's range is stored",
        f"{_API}/bodies.py",
        "return any(number and math.isinf(float(number)) for number in _LARGE.findall(to_json(document)))",
        "return False",
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
)
