"""Any sequence of calls, by any caller, with faults between: the table always holds what a simple model says."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.dynamodb.table import Table
from support.values.conversation import CONVERSATION_SK

from local.dynamodb import connect, create_table
from local.template import latest
from tests import demo
from tests.builders import (
    LIVE_PRIVATE_KEY,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    PUBLIC_KEY,
    VISITOR,
    WEBSITE,
    private,
    public,
)
from tests.client import Response, Stored
from tests.integration.proofs import proxy as faults
from tests.integration.proofs import sequences
from tests.integration.proofs.conftest import Ask
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.proxy import Fault, Proxy, pass_on
from tests.stored import scan

CALLERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "private": (WEBSITE, "test", private(PRIVATE_KEY)),
    "public": (WEBSITE, "test", public(PUBLIC_KEY, ORIGIN)),
    "live": (WEBSITE, "live", private(LIVE_PRIVATE_KEY)),
    "other": (OTHER_WEBSITE, "test", private(OTHER_PRIVATE_KEY)),
}
FAULTS: dict[str, Fault] = {
    "none": pass_on,
    "reset before": faults.reset_before,
    "reset after": faults.reset_after,
    "half": faults.half_an_answer,
    "500": faults.error(500, "InternalServerError"),
    "throttled": faults.error(400, "ThrottlingException"),
    "conflict": faults.cancelled("TransactionConflict"),
    "mixed": faults.half_in_conflict,
    "without items": faults.without_items,
    "first reason": faults.first_reason_alone,
    "last reason": faults.last_reason_alone,
}
OF_TRANSACTIONS = frozenset({"conflict", "mixed", "without items", "first reason", "last reason"})

ITEMS = st.lists(
    st.fixed_dictionaries(
        {"text": st.sampled_from(["one", "two", "three"])},
        optional={
            "id": st.sampled_from(["a", "b", "c", "d"]),
            "visibility": st.sampled_from(["public", "private"]),
            "createdAt": st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"]),
        },
    ),
    max_size=4,
    unique_by=lambda item: item.get("id") or object(),
)
CALLS = st.fixed_dictionaries(
    {
        "caller": st.sampled_from([*CALLERS, "private", "public"]),
        "visitorId": st.sampled_from([VISITOR, VISITOR, OTHER_VISITOR]),
        "items": ITEMS,
        "metadata": st.sampled_from([None, {"plan": "pro"}]),
    },
    optional={
        "conversationId": st.sampled_from(["x", "x", "y"]),
        "idempotencyKey": st.sampled_from(["k", "l"]),
    },
)


@dataclass(frozen=True)
class Said:
    """An item of the model. Without an id sent, what it says at its place in a request is what it is known by."""

    name: tuple[Any, ...]
    text: str
    is_private: bool
    created_at: str | None
    written_by: str
    by_visitor: bool = False


@dataclass(frozen=True)
class Modelled:
    """A conversation of the model; `key_body` is what it was created with under an Idempotency-Key."""

    visitor: str
    metadata: Any
    items: dict[tuple[Any, ...], Said] = field(default_factory=dict)
    version: int = 1
    key_body: str | None = None


def said(call: Mapping[str, Any]) -> list[Said]:
    kind = kind_of(call)
    return [
        Said(
            name=("id", item["id"]) if "id" in item else (kind, n, item["text"], item.get("visibility", "public")),
            text=item["text"],
            is_private=item.get("visibility") == "private",
            created_at=item.get("createdAt"),
            written_by=kind,
        )
        for n, item in enumerate(call["items"])
    ]


def kind_of(call: Mapping[str, Any]) -> str:
    return "public" if call["caller"] == "public" else "private"


def is_taken(stored: Said, item: Said) -> bool:
    """Tell whether an id has another content: for a server, also what another kind of author says."""
    is_same = (stored.text, stored.is_private) == (item.text, item.is_private)
    return not is_same or (item.written_by == "private" and stored.by_visitor != item.by_visitor)


class Conversations(RuleBasedStateMachine):
    """The API beside the model, over a table of its own."""

    def __init__(self, ask: Ask, proxy: Proxy, stored: Stored) -> None:
        super().__init__()
        self.ask, self.proxy, self.stored = ask, proxy, stored
        self.model: dict[tuple[Any, ...], Modelled] = {}
        self.pks: dict[tuple[Any, ...], str] = {}
        self.ids: dict[tuple[Any, ...], str] = {}
        self.created_without_id = 0
        self.last_call: Mapping[str, Any] | None = None

    @rule(
        call=CALLS,
        fault=st.sampled_from(list(FAULTS)),
        nth=st.integers(1, 3),
        lasting=st.booleans(),
        gives_up=st.booleans(),
    )
    def calls(self, call: Mapping[str, Any], fault: str, nth: int, lasting: bool, gives_up: bool) -> None:
        self.last_call = call
        self._call(call, fault, nth, lasting, gives_up)

    @precondition(lambda self: self.last_call is not None)
    @rule(fault=st.sampled_from(list(FAULTS)), nth=st.integers(1, 2))
    def repeats(self, fault: str, nth: int) -> None:
        assert self.last_call is not None
        self._call(self.last_call, fault, nth, lasting=False, gives_up=False)

    @rule(call=CALLS, item=ITEMS)
    def says_more(self, call: Mapping[str, Any], item: list[dict[str, Any]]) -> None:
        """Repeat what was said under a conversation id, and more."""
        known = {entry.get("id"): entry for entry in [*(self.last_call or call)["items"], *item]}
        self.last_call = {**(self.last_call or call), "conversationId": "x", "items": list(known.values())}
        self._call(self.last_call, "none", 1, lasting=False, gives_up=False)

    @invariant()
    def the_table_is_the_models(self) -> None:
        found = self.stored()
        conversations = {str(item["PK"]): item for item in found if item["SK"] == CONVERSATION_SK}
        timeline = timelines(found)
        assert len(timeline) == len(self.model)
        for scope, modelled in self.model.items():
            pk = self.pks[scope]
            assert conversations[pk]["version"] == modelled.version
            assert conversations[pk]["visitorId"] == modelled.visitor
            assert json.loads(str(conversations[pk].get("metadata", "null"))) == modelled.metadata
            items = {item.id: item for item in timeline[pk]}
            expected = {self.ids[*scope, name]: entry for name, entry in modelled.items.items()}
            assert items.keys() == expected.keys()
            for item_id, entry in expected.items():
                assert items[item_id].content["text"] == entry.text
                assert items[item_id].is_private == entry.is_private
                assert entry.created_at in {None, items[item_id].created_at}
                assert items[item_id].written_by == entry.written_by
                assert items[item_id].visitor_id == (modelled.visitor if entry.by_visitor else None)

    def _call(self, call: Mapping[str, Any], fault: str, nth: int, lasting: bool, gives_up: bool) -> None:
        website, mode, headers = CALLERS[call["caller"]]
        body = {"visitorId": call["visitorId"], "defaultTimelineItems": call["items"], "metadata": call["metadata"]}
        if "idempotencyKey" in call:
            headers = {**headers, "idempotency-key": call["idempotencyKey"]}
        scope: tuple[Any, ...]
        if "conversationId" in call:
            body["conversationId"] = call["conversationId"]
            scope = (website, mode, call["conversationId"])
        elif "idempotencyKey" in call:
            scope = (website, mode, kind_of(call), call["visitorId"], call["idempotencyKey"])
        else:
            self.created_without_id += 1
            scope = (website, mode, self.created_without_id)

        before = self.model.get(scope)
        status, after = self._expected(before, scope, call)
        operation = "TransactWriteItems" if fault in OF_TRANSACTIONS else None
        self.proxy.inject(FAULTS[fault], operation, nth, times=inf if lasting else 1)
        response = self.ask(body, headers, timeout_seconds=10 if fault == "none" else 1)
        self.proxy.lift()
        if response.status == 503:
            assert fault != "none"
            if len(scope) == 3 and isinstance(scope[2], int):
                self._settle_nameless(scope, call, after)
                return
            if gives_up:
                self._settle(scope, call, after, (body, headers))
                return
            response = self.ask(body, headers)
        assert response.status == status, response.body
        if response.status == 200:
            assert after is not None
            self._learn(scope, call, after, response)
            self.model[scope] = after

    @staticmethod
    def _expected(
        before: Modelled | None, scope: tuple[Any, ...], call: Mapping[str, Any]
    ) -> tuple[int, Modelled | None]:
        """Return the status of the answer and, with a 200, the conversation after it."""
        is_public = call["caller"] == "public"
        items = said(call)
        key_body = json.dumps([call["items"], call["metadata"]], sort_keys=True) if len(scope) == 5 else None
        if is_public and any(item.is_private for item in items):
            return 403, None
        if before is None:
            return 200, Modelled(
                call["visitorId"], call["metadata"], {item.name: item for item in items}, key_body=key_body
            )
        if before.visitor != call["visitorId"]:
            return 409, None
        if key_body is not None and before.key_body != key_body:
            return 422, None
        stored = [(before.items[item.name], item) for item in items if item.name in before.items]
        new = {item.name: item for item in items if item.name not in before.items}
        if is_public and any(item.is_private for item, _ in stored):
            return 403, None
        if any(is_taken(*pair) for pair in stored):
            return 409, None
        if is_public:
            new = {name: replace(item, created_at=None, by_visitor=True) for name, item in new.items()}
        return 200, replace(before, items=before.items | new, version=before.version + bool(new))

    def _learn(self, scope: tuple[Any, ...], call: Mapping[str, Any], after: Modelled, response: Response) -> None:
        """Check the answer against the model; ids that the server made are learnt, and are the same ever after."""
        website, mode, _ = CALLERS[call["caller"]]
        self.pks[scope] = f"CONVERSATION#{website}#{mode}#{response.conversation['id']}"
        items = said(call)
        assert len(response.items) == len(items)
        for item, entry in zip(response.items, items, strict=True):
            assert self.ids.setdefault((*scope, entry.name), item["id"]) == item["id"]
            assert item["text"] == after.items[entry.name].text
        visible = [entry for entry in after.items.values() if call["caller"] != "public" or not entry.is_private]
        last = response.conversation.get("lastTimelineItem")
        assert (last is None) == (not visible)
        if last is not None:
            assert call["caller"] != "public" or last["visibility"] == "public"

    def _settle(
        self, scope: tuple[Any, ...], call: Mapping[str, Any], after: Modelled | None, request: tuple[Any, Any]
    ) -> None:
        """A client that gives up after a 503: all of it was written, or nothing."""
        found = timelines(self.stored())
        modelled = sum(len(conversation.items) for conversation in self.model.values())
        if len(found) == len(self.model) and sum(map(len, found.values())) == modelled:
            return
        assert after is not None
        # Its ids are learnt from a replay, which writes nothing.
        response = self.ask(*request)
        assert (response.status, response.headers.get("idempotent-replayed")) == (200, "true")
        self._learn(scope, call, after, response)
        self.model[scope] = after

    def _settle_nameless(self, scope: tuple[Any, ...], call: Mapping[str, Any], after: Modelled | None) -> None:
        """Without an id or a key nothing can find what a lost answer wrote; it is whole all the same."""
        found = timelines(self.stored())
        new = found.keys() - self.pks.values()
        assert len(new) <= 1
        for pk in new:
            assert after is not None
            self.pks[scope] = pk
            self.model[scope] = after
            for entry, item in zip(said(call), sorted(found[pk], key=lambda item: item.position), strict=True):
                self.ids[*scope, entry.name] = item.id


def test_any_sequence_leaves_what_the_model_holds(
    ask: Ask, proxy: Proxy, tables: dict[int, Table], dynamodb: str, soak: int
) -> None:
    class Machine(Conversations):
        def __init__(self) -> None:
            name = f"sequences-{uuid.uuid4()}"
            create_table(dynamodb, name, latest().table())
            demo.write(dynamodb, name)
            for table in tables.values():
                table.name = name
            self.name = name
            super().__init__(ask, proxy, lambda: scan(dynamodb, name, "CONVERSATION#"))

        def teardown(self) -> None:
            connect(dynamodb).delete_table(TableName=self.name)

    sequences.run(Machine, soak, examples=5, steps=20)
