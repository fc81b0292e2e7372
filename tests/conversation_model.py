"""The contract of one conversation as a sequential model: what each call answers when no other call overlaps with it.

Values that only the server knows (times, ids of events) are taken from the first answer that shows them, and must be
the same in every later one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeVar

from api.routes import inbox, messages, ratings, removals, seen, timelines
from api.routes.conversations import GET, LIST, PATCH

from tests.builders import VISITOR
from tests.calls import VERBS, user, visitor
from tests.client import Api, Response

KeyType = Literal["public", "private"]

#: A value that no answer has shown yet.
UNKNOWN = "?"

_USER = "user-1"


class Target(NamedTuple):
    """The conversation that calls are about, and whose it is."""

    id: str
    visitor_id: str = VISITOR

    def headers(self, key: KeyType) -> dict[str, str]:
        """Headers of its visitor, or of one of the team."""
        return visitor(self.visitor_id) if key == "public" else {**user(_USER), "x-visitor-id": self.visitor_id}


#: From which statuses a verb leads to which one, and the type of its event.
_VERBS = {
    "resolve": ({"open"}, "resolved", "resolved"),
    "reopen": ({"resolved"}, "open", "reopened"),
    "spam": ({"open", "resolved"}, "spam", "status_changed"),
    "not-spam": ({"spam"}, "open", "status_changed"),
}


def _status_for(status: str, key: KeyType) -> str:
    """A visitor takes a spam conversation for a resolved one."""
    return "resolved" if status == "spam" and key == "public" else status


class UpdatedAt(NamedTuple):
    """The last known `updatedAt`, and whether a write has moved it since."""

    at: str = ""
    has_moved: bool = False

    def moved(self) -> "UpdatedAt":
        return UpdatedAt(self.at, has_moved=True)

    def shown(self, at: str) -> "UpdatedAt":
        _require(at > self.at if self.has_moved else at == self.at)
        return UpdatedAt(at)


_NEVER = UpdatedAt()


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the timeline. `kind` is "message" or what an event says; `is_import` that its sender dated it.

    An item whose content was removed has `deleted_at`.
    """

    kind: str
    id: str = UNKNOWN
    text: str | None = None
    visibility: str = "private"
    is_by_visitor: bool = False
    created_at: str = UNKNOWN
    is_import: bool = False
    deleted_at: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """One conversation, or none yet; `timeline` is in its order. One that is being erased does not exist."""

    exists: bool = False
    is_being_erased: bool = False
    created_at: str = UNKNOWN
    status: str = "open"
    title: str | None = None
    metadata: frozenset[tuple[str, str]] = frozenset()
    visitor_seen: str | None = None
    user_seen: str | None = None
    rating: tuple[int, str | None, KeyType] | None = None
    rated_at: str | None = None
    timeline: tuple[Entry, ...] = ()
    updated_at: UpdatedAt = _NEVER
    public_updated_at: UpdatedAt = _NEVER

    def visible_to(self, key: KeyType) -> list[Entry]:
        """The items that a caller with such a key may see."""
        return [entry for entry in self._of(key) if entry.deleted_at is None]

    def _of(self, key: KeyType) -> list[Entry]:
        return [entry for entry in self.timeline if key == "private" or entry.visibility == "public"]

    def entry(self, id_: str) -> Entry | None:
        """The item of an id."""
        return next((entry for entry in self.timeline if entry.id == id_), None)

    def newest_time(self, key: KeyType) -> str:
        """The newest known time of an item that a caller with such a key may see."""
        return max((entry.created_at for entry in self._of(key) if entry.created_at != UNKNOWN), default="")

    def changed(self, *entries: Entry, is_visible: bool, **values: Any) -> "State":
        """The conversation after a write; `is_visible` says that the visitor sees what has changed."""
        timeline = list(self.timeline)
        for entry in entries:
            imported = [one for one in timeline if one.is_import and one.created_at <= entry.created_at]
            timeline.insert(len(imported) if entry.is_import else len(timeline), entry)
        public = self.public_updated_at
        return replace(
            self,
            timeline=tuple(timeline),
            updated_at=self.updated_at.moved(),
            public_updated_at=public.moved() if is_visible else public,
            **values,
        )


class Expected(NamedTuple):
    """What the model says of a call: the state after it, the code of its refusal if any, whether it is a replay."""

    state: State
    refusal: str | None = None
    is_replay: bool = False


#: The states after a call in which its answer is right.
Outcomes = Callable[[Response, State], Iterator[State]]


class Operation(NamedTuple):
    """A call of the API. What it reads in several parts, each of them as it is at a moment of its own."""

    name: str
    send: Callable[[Api], Response]
    parts: Sequence[Outcomes]


class _Wrong(Exception):
    """The answer is not what the model gives."""


Known = TypeVar("Known", str, str | None)


def _require(is_right: bool) -> None:
    if not is_right:
        raise _Wrong


def _learn(known: Known, shown: Known) -> Known:
    _require(known in {UNKNOWN, shown})
    return shown


def _outcomes(expect: Callable[[State], Expected], learn: Callable[[State, State, Response], State]) -> Outcomes:
    """Compare an answer with the model's; `learn` is given the state before and after, and says what is known then."""

    def outcomes(response: Response, state: State) -> Iterator[State]:
        expected = expect(state)
        if response.code == "UNAVAILABLE":
            # It may have been carried out, or not.
            yield state
            if expected.refusal is None and not expected.is_replay:
                yield expected.state
            return
        if response.code != expected.refusal:
            return
        if expected.refusal is not None:
            yield state
            return
        if (response.headers.get("idempotent-replayed") == "true") != expected.is_replay:
            return
        try:
            yield learn(state, expected.state, response)
        except _Wrong:
            return

    return outcomes


# Writes ---------------------------------------------------------------------------------------------------------------


def change_status(to: Target, verb: str) -> Operation:
    """Resolve, reopen, spam or not-spam."""
    before, after, event = _VERBS[verb]

    def expect(state: State) -> Expected:
        if not state.exists:
            return Expected(state, "HTTP_404")
        if state.status == after:
            return Expected(state, is_replay=True)
        if state.status not in before:
            return Expected(state, "STATUS_CONFLICT")
        is_visible = _status_for(state.status, "public") != _status_for(after, "public")
        return Expected(state.changed(Entry(event), is_visible=is_visible, status=after))

    def call(api: Api) -> Response:
        return api(None, to.headers("private"), route=VERBS[verb], conversationId=to.id)

    return Operation(verb, call, [_outcomes(expect, _conversation("private")), _last_message("private")])


def patch(to: Target, fields: Mapping[str, Any]) -> Operation:
    """Change the title, or metadata (which are merged), or both."""

    def expect(state: State) -> Expected:
        if not state.exists:
            return Expected(state, "HTTP_404")
        merged = {**dict(state.metadata), **fields.get("metadata", {})}
        metadata = frozenset((name, value) for name, value in merged.items() if value is not None)
        title = fields.get("title", state.title)
        if (metadata, title) == (state.metadata, state.title):
            return Expected(state, is_replay=True)
        return Expected(state.changed(is_visible=True, metadata=metadata, title=title))

    def call(api: Api) -> Response:
        return api(fields, to.headers("private"), route=PATCH, conversationId=to.id)

    return Operation(f"PATCH {fields}", call, [_outcomes(expect, _conversation("private")), _last_message("private")])


def rate(to: Target, rating: int, comment: str | None = None) -> Operation:
    """Rate, as the visitor."""
    wanted = (rating, comment, "public")

    def expect(state: State) -> Expected:
        if not state.exists:
            return Expected(state, "HTTP_404")
        if state.rating == wanted:
            return Expected(state, is_replay=True)
        if _status_for(state.status, "public") != "resolved":
            return Expected(state, "CONVERSATION_NOT_RESOLVED")
        event = Entry("feedback", text=comment, is_by_visitor=True)
        return Expected(state.changed(event, is_visible=True, rating=wanted, rated_at=UNKNOWN))

    def learn(_: State, state: State, response: Response) -> State:
        _require(response.body["rating"] == rating)
        return replace(state, rated_at=_learn(state.rated_at, response.body["ratedAt"]))

    def call(api: Api) -> Response:
        body = {"rating": rating, "comment": comment}
        return api(body, to.headers("public"), route=ratings.RATE, conversationId=to.id)

    return Operation(f"rate {rating}", call, [_outcomes(expect, learn)])


def mark_seen(to: Target, key: KeyType) -> Operation:
    """Mark as seen, as the visitor or as one of the team.

    What comes between a look at the newest item and the writing of the time has not been seen: these are two parts.
    """

    def last_seen(state: State, at: str) -> State:
        return replace(state, visitor_seen=at) if key == "public" else replace(state, user_seen=at)

    def learn_newest(before: State, state: State, response: Response) -> State:
        _require(response.body["lastSeenAt"] >= before.newest_time(key))
        return state

    def expect(state: State) -> Expected:
        return Expected(last_seen(state, UNKNOWN)) if state.exists else Expected(state, "HTTP_404")

    def learn(before: State, state: State, response: Response) -> State:
        at, seen_before = response.body["lastSeenAt"], before.visitor_seen if key == "public" else before.user_seen
        _require(seen_before in {None, UNKNOWN} or at >= seen_before)
        return last_seen(state, at)

    def call(api: Api) -> Response:
        return api({}, to.headers(key), route=seen.SEE, conversationId=to.id)

    parts = [_outcomes(_as_it_is, learn_newest), _outcomes(expect, learn)]
    return Operation(f"seen by {'visitor' if key == 'public' else _USER}", call, parts)


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send; `imported_at` is a time long ago that a server gives it."""

    id: str
    text: str
    visibility: Literal["public", "private"] = "public"
    imported_at: str | None = None

    def body(self, to: Target, key: KeyType) -> dict[str, object]:
        """The item as it is sent."""
        author = {"visitorId": to.visitor_id} if key == "public" else {"userId": _USER}
        dated = {} if self.imported_at is None else {"createdAt": self.imported_at}
        return {"id": self.id, "text": self.text, "visibility": self.visibility, **author, **dated}

    def entry(self, key: KeyType) -> Entry:
        """The item as it is stored."""
        at = UNKNOWN if self.imported_at is None else self.imported_at
        return Entry("message", self.id, self.text, self.visibility, key == "public", at, self.imported_at is not None)

    def __str__(self) -> str:
        private, imported = self.visibility == "private", self.imported_at is not None
        return f"{self.id} {self.text!r}{' private' if private else ''}{' import' if imported else ''}"


def _refusal(state: State, key: KeyType, items: Sequence[Message]) -> str | None:
    """The code with which an addition to a conversation is refused."""
    stored = [(item, entry) for item in items if (entry := state.entry(item.id)) is not None]
    if key == "public" and any(entry.visibility == "private" for _, entry in stored):
        return "PRIVATE_KEY_REQUIRED"
    for item, entry in stored:
        wanted = item.entry(key)
        if entry.deleted_at is not None:
            continue
        if (wanted.text, wanted.visibility) != (entry.text, entry.visibility) or (
            key == "private" and wanted.is_by_visitor != entry.is_by_visitor
        ):
            return "ITEM_ID_CONFLICT"
    if key == "public" and len(stored) < len(items) and state.status != "open":
        return "CONVERSATION_CLOSED"
    return None


def _added(state: State, key: KeyType, items: Sequence[Message]) -> Expected:
    """The conversation with those of the items that it lacks."""
    if (refusal := _refusal(state, key, items)) is not None:
        return Expected(state, refusal)
    missing = [item.entry(key) for item in items if state.entry(item.id) is None]
    if not missing:
        return Expected(state, is_replay=True)
    return Expected(state.changed(*missing, is_visible=any(entry.visibility == "public" for entry in missing)))


def send(to: Target, key: KeyType, item: Message) -> Operation:
    """Send a message."""

    def expect(state: State) -> Expected:
        return _added(state, key, [item]) if state.exists else Expected(state, "HTTP_404")

    def learn(before: State, state: State, response: Response) -> State:
        return _learn_items(before, state, [response.body["item"]])

    def call(api: Api) -> Response:
        body = {"conversationId": to.id, "item": item.body(to, key)}
        return api(body, to.headers(key), route=messages.SEND)

    return Operation(f"send {item} ({key} key)", call, [_outcomes(expect, learn)])


def open_(to: Target, key: KeyType, items: Sequence[Message]) -> Operation:
    """Open the conversation, or add to it what it lacks."""

    def expect(state: State) -> Expected:
        if state.exists:
            return _added(state, key, items)
        if state.is_being_erased:
            return Expected(state, "UNAVAILABLE")
        return Expected(State(exists=True).changed(*(item.entry(key) for item in items), is_visible=True))

    def learn(before: State, state: State, response: Response) -> State:
        _require([item["id"] for item in response.items] == [item.id for item in items])
        return _learn_fields(_learn_items(before, state, response.items), response.conversation, key)

    def call(api: Api) -> Response:
        sent = [item.body(to, key) for item in items]
        body = {"conversationId": to.id, "visitorId": to.visitor_id, "defaultTimelineItems": sent}
        return api(body, to.headers(key))

    name = f"open with {', '.join(map(str, items)) or 'nothing'} ({key} key)"
    return Operation(name, call, [_outcomes(expect, learn), _last_message(key)])


def remove(to: Target, item_id: str) -> Operation:
    """Remove what an item says."""

    def expect(state: State) -> Expected:
        entry = state.entry(item_id)
        if not state.exists or entry is None:
            return Expected(state, "HTTP_404")
        if entry.deleted_at is not None:
            return Expected(state, is_replay=True)
        removed = replace(entry, text=None, deleted_at=UNKNOWN)
        timeline = tuple(removed if one == entry else one for one in state.timeline)
        return Expected(replace(state, timeline=timeline).changed(is_visible=entry.visibility == "public"))

    def learn(before: State, state: State, response: Response) -> State:
        return _learn_items(before, state, [response.body["item"]])

    def call(api: Api) -> Response:
        return api(None, to.headers("private"), route=removals.ITEM, conversationId=to.id, itemId=item_id)

    return Operation(f"remove {item_id}", call, [_outcomes(expect, learn)])


def erase(to: Target) -> Operation:
    """Erase the conversation; what is left of it stays."""

    def expect(state: State) -> Expected:
        return Expected(State(is_being_erased=True)) if state.exists else Expected(state, "HTTP_404")

    def call(api: Api) -> Response:
        return api(None, to.headers("private"), route=removals.CONVERSATION, conversationId=to.id)

    return Operation("erase", call, [_outcomes(expect, lambda _, state, __: state)])


# Reads ----------------------------------------------------------------------------------------------------------------


def get(to: Target, key: KeyType) -> Operation:
    """Read the conversation."""

    def call(api: Api) -> Response:
        return api(None, to.headers(key), route=GET, conversationId=to.id)

    def learn(_: State, state: State, response: Response) -> State:
        return _learn_conversation(state, response.conversation, key)

    return Operation(f"GET ({key} key)", call, [_outcomes(_as_it_is, learn)])


def list_(to: Target, key: KeyType) -> Operation:
    """Read the conversation in its visitor's list, which lags behind an opening."""

    def learn(_: State, state: State, response: Response) -> State:
        return _learn_listed(to.id, state, response.body["conversations"], key)

    def call(api: Api) -> Response:
        return api(None, to.headers(key), route=LIST)

    return Operation(f"list ({key} key)", call, [_outcomes(Expected, learn)])


def inbox_of_open(to: Target) -> Operation:
    """Read the conversation in the inbox of those that are open, which lags behind every change."""

    def learn(_: State, state: State, response: Response) -> State:
        return _learn_listed(to.id, state, response.body["items"], "private")

    def call(api: Api) -> Response:
        return api(None, to.headers("private"), route=inbox.LIST, query={"status": "open", "limit": "2"})

    return Operation("inbox", call, [_outcomes(Expected, learn)])


def get_seen(to: Target) -> Operation:
    """Read who has seen the conversation: the visitor, and one of the team."""

    def last_seen(response: Response, user_id: str | None) -> str | None:
        times: list[str] = [seen["lastSeenAt"] for seen in response.body["seenData"] if seen["userId"] == user_id]
        _require(len(times) <= 1)
        return times[0] if times else None

    def learn_visitor(_: State, state: State, response: Response) -> State:
        return replace(state, visitor_seen=_learn(state.visitor_seen, last_seen(response, None)))

    def learn_user(_: State, state: State, response: Response) -> State:
        return replace(state, user_seen=_learn(state.user_seen, last_seen(response, _USER)))

    def call(api: Api) -> Response:
        return api(None, to.headers("private"), route=seen.GET, conversationId=to.id)

    return Operation("GET seen", call, [_outcomes(_as_it_is, learn) for learn in (learn_visitor, learn_user)])


def get_timeline(to: Target, key: KeyType) -> Operation:
    """Read the whole timeline, of up to a hundred items."""

    def learn(_: State, state: State, response: Response) -> State:
        entries = state.visible_to(key)
        _require([_kind(item) for item in response.body["items"]] == [entry.kind for entry in entries])
        for entry, item in zip(entries, response.body["items"], strict=True):
            _require(entry.id in {UNKNOWN, item["id"]} and entry.text == item["text"])
            _learn(entry.created_at, item["createdAt"])
        return state

    def call(api: Api) -> Response:
        query = {"limit": "100"}
        return api(None, to.headers(key), route=timelines.GET, query=query, conversationId=to.id)

    return Operation(f"timeline ({key} key)", call, [_outcomes(_as_it_is, learn)])


def _as_it_is(state: State) -> Expected:
    return Expected(state) if state.exists else Expected(state, "HTTP_404")


def _kind(item: Mapping[str, Any]) -> str:
    if item["type"] != "event":
        return str(item["type"])
    [part] = [part for part in item["parts"] if part["type"] != "text"]
    return str(part.get("eventType", part["type"]))


def _conversation(key: KeyType) -> Callable[[State, State, Response], State]:
    return lambda _, state, response: _learn_fields(state, response.conversation, key)


def _last_message(key: KeyType) -> Outcomes:
    """Compare the last message in the answer to a write, which is read after it: it may be removed in between."""

    def outcomes(response: Response, state: State) -> Iterator[State]:
        if response.code is not None or not state.exists:
            yield state
            return
        try:
            yield _learn_last_message(state, response.conversation, key)
        except _Wrong:
            return

    return outcomes


def _learn_listed(conversation_id: str, state: State, shown: Sequence[Mapping[str, Any]], key: KeyType) -> State:
    for conversation in shown:
        if conversation["id"] == conversation_id:
            _require(state.exists)
            return _learn_conversation(state, conversation, key)
    return state


def _learn_conversation(state: State, shown: Mapping[str, Any], key: KeyType) -> State:
    """Compare a conversation of an answer with the model's, and take over what only the server knows."""
    return _learn_last_message(_learn_fields(state, shown, key), shown, key)


def _learn_last_message(state: State, shown: Mapping[str, Any], key: KeyType) -> State:
    last = next((entry for entry in reversed(state.visible_to(key)) if entry.kind == "message"), None)
    last_shown = shown.get("lastTimelineItem")
    _require((last is None) == (last_shown is None))
    if last is None or last_shown is None:
        return state
    _require((last.id, last.text) == (last_shown["id"], last_shown["text"]))
    return _dated(state, last, last_shown["createdAt"])


def _learn_fields(state: State, shown: Mapping[str, Any], key: KeyType) -> State:
    _require(shown["status"] == _status_for(state.status, key))
    _require(shown.get("title") == state.title)
    _require((shown["metadata"] or {}) == dict(state.metadata))
    _require(shown.get("visitorRating") == (None if state.rating is None else state.rating[0]))
    is_private = key == "private"
    updated_at, public_updated_at = state.updated_at, state.public_updated_at
    return replace(
        state,
        created_at=_learn(state.created_at, shown["createdAt"]),
        visitor_seen=_learn(state.visitor_seen, shown.get("visitorLastSeenAt")),
        rated_at=_learn(state.rated_at, shown.get("visitorRatingAt")),
        updated_at=updated_at.shown(shown["updatedAt"]) if is_private else updated_at,
        public_updated_at=public_updated_at if is_private else public_updated_at.shown(shown["updatedAt"]),
    )


def _learn_items(before: State, state: State, shown: Sequence[Mapping[str, Any]]) -> State:
    """Compare items of an answer with the model's: an item that the server dates is not before any that was there."""
    for item in shown:
        entry = state.entry(item["id"])
        _require(entry is not None)
        assert entry is not None
        _require((entry.text, entry.visibility) == (item["text"], item["visibility"]))
        deleted_at = _learn(entry.deleted_at, item.get("deletedAt"))
        if before.entry(entry.id) is None and not entry.is_import:
            _require(item["createdAt"] >= before.newest_time("private"))
        state = _dated(state, entry, item["createdAt"], deleted_at)
    return state


def _dated(state: State, entry: Entry, created_at: str, deleted_at: str | None = None) -> State:
    _learn(entry.created_at, created_at)
    dated = replace(entry, created_at=created_at, deleted_at=deleted_at)
    return replace(state, timeline=tuple(dated if one == entry else one for one in state.timeline))
