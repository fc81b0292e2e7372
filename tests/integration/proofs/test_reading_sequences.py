"""Any sequence of writes by any caller, by clocks that jump: each read shows what a simple model says."""

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from support.dynamodb.table import Table
from support.values import timestamps

from local.dynamodb import connect, create_table
from local.template import latest
from tests import demo
from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    VISITOR,
    WEBSITE,
    private,
    public,
)
from tests.client import Api, Response, api_over
from tests.integration.proofs import sequences
from tests.reading import a_list, get, ids, timeline
from tests.stored import let_expire, scan

#: Whose keys, by the tenant that they reach and their kind.
CALLERS: dict[tuple[str, str], dict[str, str]] = {
    ("test", "private"): private(),
    ("test", "public"): public(),
    ("live", "private"): private(LIVE_PRIVATE_KEY),
    ("live", "public"): public(LIVE_PUBLIC_KEY),
    ("other", "private"): private(OTHER_PRIVATE_KEY),
    ("other", "public"): public(OTHER_PUBLIC_KEY, "https://other.example.net"),
}
CALLER = st.sampled_from([*CALLERS, *[("test", "private"), ("test", "public")] * 3])
VISITORS = st.sampled_from([VISITOR, VISITOR, OTHER_VISITOR])
NAMES = st.sampled_from(["-", "_", "x" * 64])
ITEM_IDS = st.text("-_09azAZ", min_size=1, max_size=3) | st.sampled_from(["-" * 64, "z" * 64])
ITEMS = st.lists(
    st.fixed_dictionaries(
        {"id": ITEM_IDS, "type": st.sampled_from(["message", "message", "event"])},
        optional={
            "text": st.sampled_from(["one", "two" * 2_000]),
            "visibility": st.sampled_from(["public", "private"]),
            "createdAt": st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z"]),
        },
    ),
    max_size=6,
    unique_by=lambda item: item["id"],
)


class Item(NamedTuple):
    """An item of the model, which sorts as a timeline does."""

    created_at: str
    number: int
    id: str
    is_private: bool
    is_message: bool


@dataclass
class Modelled:
    """A conversation of the model, with the time of its last change for each kind of key."""

    visitor: str
    created_at: str
    updated_at: dict[str, str]
    items: list[Item] = field(default_factory=list)

    def seen_by(self, kind: str) -> list[Item]:
        return sorted(item for item in self.items if kind == "private" or not item.is_private)


class Reads(RuleBasedStateMachine):
    """The API beside the model, over a table of its own; `others` is another instance."""

    def __init__(self, api: Api, others: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.api, self.others, self.monkeypatch = api, others, monkeypatch
        self.model: dict[tuple[str, str], Modelled] = {}
        self.numbers = 0

    @rule(caller=CALLER, visitor=VISITORS, name=NAMES, items=ITEMS)
    def writes(self, caller: tuple[str, str], visitor: str, name: str, items: list[dict[str, Any]]) -> None:
        self._write(self.api, caller, visitor, name, items)

    @rule(hours=st.integers(-3, 3))
    def clock_jumps(self, hours: int) -> None:
        def then() -> str:
            return timestamps.from_epoch(time.time() + hours * 3600)

        self.monkeypatch.setattr(timestamps, "now", then)

    @rule(caller=CALLER, visitor=VISITORS, name=NAMES)
    def gets(self, caller: tuple[str, str], visitor: str, name: str) -> None:
        response = get(self.api, name, self._headers(caller, visitor))

        modelled = self._reached(caller, visitor, name)
        if modelled is None:
            assert response.code == "HTTP_404"
        else:
            self._require_conversation(response.conversation, caller[1], name, modelled)

    @rule(
        caller=CALLER,
        visitor=VISITORS,
        name=NAMES,
        limit=st.integers(1, 5),
        meanwhile=st.lists(st.tuples(CALLER, VISITORS, NAMES, ITEMS), max_size=4),
    )
    def walks(
        self,
        caller: tuple[str, str],
        visitor: str,
        name: str,
        limit: int,
        meanwhile: list[tuple[tuple[str, str], str, str, list[dict[str, Any]]]],
    ) -> None:
        """Read all pages of a timeline, while others write between one and the next."""
        headers, query = self._headers(caller, visitor), {"limit": f"{limit}"}
        response = timeline(self.api, name, headers, **query)
        modelled = self._reached(caller, visitor, name)
        if modelled is None:
            assert response.code == "HTTP_404"
            return
        before = modelled.seen_by(caller[1])
        pages = [response.body["items"]]
        while cursor := response.body["nextCursor"]:
            if meanwhile:
                self._write(self.others, *meanwhile.pop())
            response = timeline(self.api, name, headers, **query, cursor=cursor)
            assert response.status == 200
            pages.append(response.body["items"])
            # A page has what comes right before the oldest item of the page before it, as it is now.
            now = [item.id for item in modelled.seen_by(caller[1])]
            end = now.index(pages[-2][0]["id"])
            assert ids(pages[-1]) == now[max(end - limit, 0) : end]

        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        read = [item["id"] for page in reversed(pages) for item in page]
        assert len(read) == len(set(read))
        stood = {item.id for item in before}
        assert [one for one in read if one in stood] == [item.id for item in before]

    @rule(
        caller=CALLER,
        visitor=VISITORS,
        limit=st.integers(1, 3),
        order_by=st.sampled_from(["updatedAt", "createdAt"]),
        order=st.sampled_from(["asc", "desc"]),
    )
    def lists(self, caller: tuple[str, str], visitor: str, limit: int, order_by: str, order: str) -> None:
        tenant, kind = caller
        theirs = {
            name: modelled for (of, name), modelled in self.model.items() if (of, modelled.visitor) == (tenant, visitor)
        }

        def place(name: str) -> tuple[str, str]:
            modelled = theirs[name]
            return modelled.updated_at[kind] if order_by == "updatedAt" else modelled.created_at, name

        names = sorted(theirs, key=place, reverse=order == "desc")
        query = {"limit": f"{limit}", "orderBy": order_by, "order": order}
        for page in range(1, len(names) // limit + 2):
            response = a_list(self.api, self._headers(caller, visitor), page=f"{page}", **query)
            here = names[(page - 1) * limit : page * limit]
            assert ids(response.body["conversations"]) == here
            assert response.body["pagination"]["total"] == len(names)
            for conversation in response.body["conversations"]:
                self._require_conversation(conversation, kind, conversation["id"], theirs[conversation["id"]])

    def _headers(self, caller: tuple[str, str], visitor: str) -> dict[str, str]:
        return {**CALLERS[caller], "x-visitor-id": visitor}

    def _reached(self, caller: tuple[str, str], visitor: str, name: str) -> Modelled | None:
        tenant, kind = caller
        modelled = self.model.get((tenant, name))
        return modelled if modelled is not None and (kind == "private" or modelled.visitor == visitor) else None

    @staticmethod
    def _require_conversation(answered: Mapping[str, Any], kind: str, name: str, modelled: Modelled) -> None:
        messages = [item for item in modelled.seen_by(kind) if item.is_message]
        last = answered.get("lastTimelineItem")
        assert (None if last is None else last["id"]) == (messages[-1].id if messages else None)
        assert (answered["id"], answered["visitorId"]) == (name, modelled.visitor)
        assert (answered["createdAt"], answered["updatedAt"]) == (modelled.created_at, modelled.updated_at[kind])

    def _write(
        self, api: Api, caller: tuple[str, str], visitor: str, name: str, items: Iterable[dict[str, Any]]
    ) -> None:
        tenant, kind = caller
        before = self.model.get((tenant, name))
        there = {item.id for item in before.items} if before else set()
        # What is stored already, and what a public key may not say, are other tests' matters.
        allowed = (
            {} if kind == "private" else {"visibility": "public"} | ({} if before is None else {"type": "message"})
        )
        new = [item | allowed for item in items if item["id"] not in there]
        response = api({"conversationId": name, "defaultTimelineItems": new}, self._headers(caller, visitor))
        if before is not None and before.visitor != visitor:
            assert response.code == "CONVERSATION_ID_CONFLICT"
            return
        assert response.status == 200, response.body
        self._learn(response, kind, before, self.model, (tenant, name))

    def _learn(
        self,
        response: Response,
        kind: str,
        before: Modelled | None,
        model: dict[tuple[str, str], Modelled],
        key: tuple[str, str],
    ) -> None:
        written = response.conversation
        if before is None:
            both = {"private": written["updatedAt"], "public": written["updatedAt"]}
            before = model[key] = Modelled(written["visitorId"], written["createdAt"], both)
        elif response.items:
            assert written["updatedAt"] > before.updated_at[kind]
            before.updated_at["private"] = written["updatedAt"]
            if any(item["visibility"] == "public" for item in response.items):
                before.updated_at["public"] = written["updatedAt"]
        stood = list(before.items)
        for item in response.items:
            self.numbers += 1
            # What the server dates never comes before what was there.
            if not item["createdAt"].startswith("2026-01-01") and stood:
                assert item["createdAt"] >= max(stood).created_at
            private_one, message = item["visibility"] == "private", item["type"] == "message"
            before.items.append(Item(item["createdAt"], self.numbers, item["id"], private_one, message))


def test_any_sequence_is_read_as_the_model_has_it(dynamodb: str, monkeypatch: pytest.MonkeyPatch, soak: int) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    tables = [Table("none yet", timeout_seconds=60) for _ in range(2)]
    # Each instance is one for all examples: what differs is the table.
    now = timestamps.now

    class Machine(Reads):
        def __init__(self) -> None:
            self.name = f"reading-{uuid.uuid4()}"
            create_table(dynamodb, self.name, latest().table())
            demo.write(dynamodb, self.name)
            for table in tables:
                table.name = self.name
            super().__init__(api_over(tables[0]), api_over(tables[1]), monkeypatch)

        @rule(tenant=st.sampled_from(["test", "live", "other"]), name=NAMES)
        def expires(self, tenant: str, name: str) -> None:
            """What stood there stays in the table, and counts as none."""
            if self.model.pop((tenant, name), None) is not None:
                prefix = {
                    "test": f"CONVERSATION#{WEBSITE}#test#",
                    "live": f"CONVERSATION#{WEBSITE}#live#",
                    "other": f"CONVERSATION#{OTHER_WEBSITE}#test#",
                }[tenant]
                let_expire(dynamodb, self.name, scan(dynamodb, self.name, prefix + name))

        def teardown(self) -> None:
            monkeypatch.setattr(timestamps, "now", now)
            connect(dynamodb).delete_table(TableName=self.name)

    sequences.run(Machine, soak, examples=8, steps=30)
