"""Any sequence of calls by which a conversation goes on, with faults between: it is always what a simple model says."""

import json
import uuid
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from api.route import AnyRoute
from api.routes import messages, ratings, seen, visitors
from api.routes.conversations import CREATE, PATCH
from api.routes.timelines import GET as GET_TIMELINE
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.dynamodb.table import Table
from support.values.conversation import CONVERSATION_SK

from local.dynamodb import connect, create_table
from local.template import latest
from tests import demo
from tests.builders import OTHER_VISITOR, VISITOR, WEBSITE, private
from tests.calls import VERBS, user, visitor
from tests.client import Stored
from tests.integration.proofs import proxy as faults
from tests.integration.proofs import sequences
from tests.integration.proofs.conftest import Ask
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.proxy import Fault, Proxy, pass_on
from tests.stored import scan

#: The visitor that a caller is, None for the company.
CALLERS: dict[str, str | None] = {"company": None, "visitor": VISITOR, "other": OTHER_VISITOR}
WAYS = {
    "resolve": ({"open"}, "resolved"),
    "reopen": ({"resolved"}, "open"),
    "spam": ({"open", "resolved"}, "spam"),
    "not-spam": ({"spam"}, "open"),
}
FAULTS: dict[str, Fault] = {
    "none": pass_on,
    "reset before": faults.reset_before,
    "reset after": faults.reset_after,
    "half": faults.half_an_answer,
    "500": faults.error(500, "InternalServerError"),
    "throttled": faults.error(400, "ThrottlingException"),
}
OF_TRANSACTIONS: dict[str, Fault] = {
    "conflict": faults.cancelled("TransactionConflict"),
    "mixed": faults.half_in_conflict,
    "without items": faults.without_items,
    "first reason": faults.first_reason_alone,
    "last reason": faults.last_reason_alone,
}


class Said(NamedTuple):
    """An item of the model, or what a change of the conversation left behind, which has no id of a client."""

    id: str | None
    text: str | None
    is_private: bool
    by_visitor: bool = False
    written_by: str = "private"


@dataclass
class Modelled:
    """A conversation of the model: what was said, in the order of writing."""

    visitor: str
    status: str = "open"
    said: list[Said] = field(default_factory=list)
    title: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    rating: tuple[int, str | None, str] | None = None
    seen_by: set[str] = field(default_factory=set)

    def find(self, id_: str) -> Said | None:
        return next((said for said in self.said if said.id == id_), None)


CALLER = st.sampled_from(["company", "visitor", "visitor", "other"])
ID = st.sampled_from(["x", "x", "y"])
FAULT = st.tuples(st.sampled_from([*FAULTS, *OF_TRANSACTIONS]), st.integers(1, 3), st.booleans())
ITEM = st.fixed_dictionaries(
    {"id": st.sampled_from("abcdefgh"), "text": st.sampled_from(["one", "two"])},
    optional={"visibility": st.sampled_from(["public", "private"])},
)

Expected = tuple[int, str | None]
OK: Expected = (200, None)
GONE, TAKEN, CLOSED = (404, "HTTP_404"), (409, "ITEM_ID_CONFLICT"), (409, "CONVERSATION_CLOSED")
BLOCKED = (409, "VISITOR_BLOCKED")
FORBIDDEN = (403, "PRIVATE_KEY_REQUIRED")


def refused_unread(caller: str, items: list[dict[str, Any]]) -> Expected | None:
    """What is refused before anything is read."""
    is_private = any(item.get("visibility") == "private" for item in items)
    return FORBIDDEN if caller != "company" and is_private else None


class Conversations(RuleBasedStateMachine):
    """The API beside the model, over a table of its own."""

    def __init__(self, ask: Ask, proxy: Proxy, stored: Stored) -> None:
        super().__init__()
        self.ask, self.proxy, self.stored = ask, proxy, stored
        self.model: dict[str, Modelled] = {}
        self.blocked: set[str] = set()

    @rule(caller=CALLER, id_=ID, items=st.lists(ITEM, max_size=3, unique_by=lambda item: item["id"]), fault=FAULT)
    def opens_or_adds(self, caller: str, id_: str, items: list[dict[str, Any]], fault: Any) -> None:
        there = self.model.get(id_)
        of = CALLERS[caller] or VISITOR
        body = {"visitorId": of, "conversationId": id_, "defaultTimelineItems": items}
        expected, new = self._add(there, caller, items)
        if there is None and expected == OK and caller != "company" and of in self.blocked:
            expected = BLOCKED
        if there is None and expected == OK:
            # First items are by whom they say.
            new = [said._replace(by_visitor=False) for said in new]
        if there is not None and there.visitor != of and refused_unread(caller, items) is None:
            expected, new = (409, "CONVERSATION_ID_CONFLICT"), []
        self._call(caller, body, CREATE, fault, expected)
        if expected == OK:
            self.model.setdefault(id_, Modelled(of)).said += new

    @rule(caller=CALLER, id_=ID, item=ITEM, fault=FAULT)
    def sends(self, caller: str, id_: str, item: dict[str, Any], fault: Any) -> None:
        there = self._reached(caller, id_)
        expected, new = (GONE, []) if there is None else self._add(there, caller, [item])
        if refused_unread(caller, [item]) is not None:
            expected = FORBIDDEN
        self._call(caller, {"conversationId": id_, "item": item}, messages.SEND, fault, expected)
        if there is not None and expected == OK:
            there.said += new

    @rule(of=st.sampled_from([VISITOR, OTHER_VISITOR]), fault=FAULT)
    def blocks(self, of: str, fault: Any) -> None:
        self._call("company", None, visitors.BLOCK, fault, OK, visitorId=of)
        self.blocked.add(of)

    @rule(of=st.sampled_from([VISITOR, OTHER_VISITOR]), fault=FAULT)
    def unblocks(self, of: str, fault: Any) -> None:
        self._call("company", None, visitors.UNBLOCK, fault, OK, visitorId=of)
        self.blocked.discard(of)

    @rule(id_=ID, verb=st.sampled_from([*WAYS, "resolve", "reopen"]), fault=FAULT)
    def changes_status(self, id_: str, verb: str, fault: Any) -> None:
        there, (before, after) = self.model.get(id_), WAYS[verb]
        expected = OK
        if there is None:
            expected = GONE
        elif there.status not in {*before, after}:
            expected = (409, "STATUS_CONFLICT")
        self._call("company", None, VERBS[verb], fault, expected, conversationId=id_)
        if there is not None and expected == OK and there.status != after:
            there.status = after
            there.said.append(Said(None, None, is_private=True))

    @rule(caller=CALLER, id_=ID, rating=st.integers(1, 2), comment=st.sampled_from([None, "Kind."]), fault=FAULT)
    def rates(self, caller: str, id_: str, rating: int, comment: str | None, fault: Any) -> None:
        there = self._reached(caller, id_)
        kind = "private" if caller == "company" else "public"
        expected, said = OK, (rating, comment, kind)
        if there is None:
            expected = GONE
        elif there.rating != said and CALLERS[caller] in self.blocked:
            expected = BLOCKED
        elif there.rating != said and there.status not in ({"resolved"} if kind == "private" else {"resolved", "spam"}):
            expected = (409, "CONVERSATION_NOT_RESOLVED")
        self._call(caller, {"rating": rating, "comment": comment}, ratings.RATE, fault, expected, conversationId=id_)
        if there is not None and expected == OK and there.rating != said:
            there.rating = said
            there.said.append(Said(None, comment, is_private=True, by_visitor=True, written_by=kind))

    @rule(caller=CALLER, id_=ID, fault=FAULT)
    def sees(self, caller: str, id_: str, fault: Any) -> None:
        there = self._reached(caller, id_)
        self._call(caller, {}, seen.SEE, fault, GONE if there is None else OK, conversationId=id_)
        if there is not None:
            there.seen_by.add(caller)

    @rule(
        id_=ID,
        title=st.sampled_from([None, "T", "U"]),
        metadata=st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(1, 2), max_size=2),
        fault=FAULT,
    )
    def patches(self, id_: str, title: str | None, metadata: dict[str, Any], fault: Any) -> None:
        there = self.model.get(id_)
        body = {"title": title, "metadata": metadata}
        self._call("company", body, PATCH, fault, GONE if there is None else OK, conversationId=id_)
        if there is not None:
            there.title = title
            merged = {**there.metadata, **metadata}
            there.metadata = {name: value for name, value in merged.items() if value is not None}

    @invariant()
    def what_is_stored_is_the_models(self) -> None:
        found = self.stored()
        ordered = timelines(found)
        assert {pk.rsplit("#", 1)[1] for pk in ordered} == self.model.keys()
        for id_, there in self.model.items():
            pk = f"CONVERSATION#{WEBSITE}#test#{id_}"
            [conversation] = [item for item in found if (item["PK"], item["SK"]) == (pk, CONVERSATION_SK)]
            assert (conversation["status"], conversation["visitorId"]) == (there.status, there.visitor)
            assert conversation.get("title") == there.title
            assert json.loads(str(conversation.get("metadata", "{}"))) == there.metadata
            assert conversation.get("visitorRating") == (None if there.rating is None else there.rating[0])
            by_visitor = {"visitor" if there.visitor == VISITOR else "other"} & there.seen_by
            assert ("visitorLastSeenAt" in conversation) == bool(by_visitor)
            team = [item["SK"] for item in found if item["PK"] == pk and str(item["SK"]).startswith("SEEN#")]
            assert team == ["SEEN#user#user-1"] * ("company" in there.seen_by)
            client_ids = {said.id for said in there.said}
            said = [
                Said(
                    item.id if item.id in client_ids else None,
                    item.content.get("text"),
                    item.is_private,
                    item.visitor_id is not None,
                    item.written_by,
                )
                for item in ordered[pk]
            ]
            assert said == there.said
            by_company = self._timeline(private(), id_)
            assert [item["id"] for item in by_company] == [item.id for item in ordered[pk]]
            public = [item for item in by_company if item["visibility"] == "public"]
            assert self._timeline(visitor(there.visitor), id_) == public

    def _timeline(self, headers: dict[str, str], id_: str) -> list[dict[str, Any]]:
        response = self.ask(None, headers, route=GET_TIMELINE, conversationId=id_, query={"limit": "100"})
        assert response.status == 200, response.body
        return response.body["items"]  # type: ignore[no-any-return]

    def _reached(self, caller: str, id_: str) -> Modelled | None:
        there = self.model.get(id_)
        return there if there is not None and CALLERS[caller] in {None, there.visitor} else None

    def _add(self, there: Modelled | None, caller: str, items: list[dict[str, Any]]) -> tuple[Expected, list[Said]]:
        is_public = caller != "company"
        kind = "public" if is_public else "private"
        wanted = [
            Said(item["id"], item["text"], item.get("visibility") == "private", is_public, kind) for item in items
        ]
        if refused_unread(caller, items) is not None:
            return FORBIDDEN, []
        if there is None:
            return OK, wanted
        stored = [(found, said) for said in wanted if (found := there.find(str(said.id))) is not None]
        if is_public and any(found.is_private for found, _ in stored):
            return FORBIDDEN, []
        # With a private key the kind of author is part of what is said.
        said_by = 3 if is_public else 4
        if any(found[:said_by] != said[:said_by] for found, said in stored):
            return TAKEN, []
        new = [said for said in wanted if there.find(str(said.id)) is None]
        if is_public and new and there.visitor in self.blocked:
            return BLOCKED, []
        if is_public and new and there.status != "open":
            return CLOSED, []
        return OK, new

    def _call(
        self, caller: str, body: object, route: AnyRoute, fault: Any, expected: Expected, **parameters: str
    ) -> None:
        of = CALLERS[caller]
        # Messages and openings bear no author of the header's.
        is_item = route in (messages.SEND, CREATE)
        headers = visitor(of) if of is not None else private() if is_item else user()
        what, nth, lasting = fault
        operation = "TransactWriteItems" if what in OF_TRANSACTIONS else None
        self.proxy.inject((FAULTS | OF_TRANSACTIONS)[what], operation, nth, times=inf if lasting else 1)
        response = self.ask(body, headers, 10 if what == "none" else 1, route=route, **parameters)
        self.proxy.lift()
        if response.status == 503:
            assert what != "none"
            response = self.ask(body, headers, route=route, **parameters)
        assert (response.status, response.code if response.status != 200 else None) == expected, response.body


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

    sequences.run(Machine, soak, examples=5, steps=30)
