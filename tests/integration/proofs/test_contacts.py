"""Any sequence of what says who a visitor is, with faults between, and many at once: it is what a simple model says."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from typing import Any

from api.route import AnyRoute
from api.routes import contacts, visitors, websites
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.dynamodb.items import Item
from support.dynamodb.table import Table
from support.values.metadata_hash import metadata_hash
from support.values.visitor import Visitor

from local.dynamodb import connect, create_table
from local.template import latest
from tests import demo
from tests.builders import OTHER_VISITOR, VISITOR, WEBSITE, a_token, private
from tests.calls import visitor
from tests.client import api_over
from tests.integration.proofs import sequences
from tests.integration.proofs.conftest import Ask
from tests.integration.proofs.proxy import Proxy
from tests.integration.proofs.test_going_on_sequences import FAULTS, OF_TRANSACTIONS
from tests.stored import Storage, let_expire, scan

Expected = tuple[int, str | None]
OK: Expected = (200, None)
VERIFIED, BLOCKED = (409, "CONTACT_VERIFIED"), (409, "VISITOR_BLOCKED")
NO_CONTACT: Expected = (400, "VALIDATION_FAILED")

ACCOUNTS, EMAILS, NAMES = ["a1", "a2"], ["e1", "e2"], ["n1", "n2", ""]

WHO = st.sampled_from([VISITOR, VISITOR, OTHER_VISITOR])
FAULT = st.tuples(st.sampled_from([*FAULTS, *OF_TRANSACTIONS]), st.integers(1, 2), st.booleans())
METADATA = st.none() | st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(1, 2), max_size=2)
CLAIM = st.fixed_dictionaries(
    {},
    optional={
        "externalId": st.sampled_from(ACCOUNTS),
        "email": st.sampled_from(EMAILS),
        "name": st.sampled_from(NAMES),
    },
).filter(lambda said: "externalId" in said or "email" in said)
SIGNED = st.fixed_dictionaries(
    {"externalId": st.sampled_from(ACCOUNTS)},
    optional={"email": st.sampled_from(EMAILS), "name": st.sampled_from(NAMES)},
)


@dataclass
class Modelled:
    """A contact of the model; `said` are its fields, of which some are proven."""

    said: dict[str, str] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)
    metadata: dict[str, Any] = field(default_factory=dict)
    page_hash: str = ""

    def add(self, said: dict[str, str], metadata: dict[str, Any] | None, *, is_proven: bool) -> "Modelled | None":
        """Return the contact with what is said added; None if a proof forbids it."""
        changed = {name for name, value in said.items() if self.said.get(name) != value}
        if not is_proven and changed & self.proven:
            return None
        base = self
        if is_proven and "externalId" in self.said and said.get("externalId", "") not in {"", self.said["externalId"]}:
            base = Modelled()
        return Modelled(
            base.said | said,
            base.proven | (said.keys() if is_proven else set()),
            base.metadata | (metadata or {}),
            base.page_hash,
        )


class Contacts(RuleBasedStateMachine):
    """The API beside the model, over a table of its own."""

    def __init__(self, ask: Ask, proxy: Proxy, rows: Callable[[str], list[Item]], expire: Callable[..., None]) -> None:
        super().__init__()
        self.ask, self.proxy, self.rows, self.expire = ask, proxy, rows, expire
        self.model: dict[str, Modelled] = {}
        self.blocked: set[str] = set()
        #: What found contacts that have expired since.
        self.left: set[tuple[str, str]] = set()

    @rule(who=WHO, said=CLAIM, metadata=METADATA, fault=FAULT)
    def claims(self, who: str, said: dict[str, str], metadata: dict[str, Any] | None, fault: Any) -> None:
        after = self._of(who).add(said, metadata, is_proven=False)
        if after is not None and metadata is not None:
            after.page_hash = metadata_hash(metadata)
        body = {**said, "metadata": metadata}
        self._identify(who, body, visitor(who), after, fault, is_page=True)

    @rule(who=WHO, said=SIGNED, metadata=METADATA, fault=FAULT)
    def signs(self, who: str, said: dict[str, str], metadata: dict[str, Any] | None, fault: Any) -> None:
        token = signed(said)
        after = self._of(who).add(said, metadata, is_proven=True)
        assert after is not None
        if metadata is not None:
            after.page_hash = metadata_hash(metadata)
        body = {"identityToken": token, "metadata": metadata}
        self._identify(who, body, visitor(who), after, fault, is_page=True)

    @rule(who=WHO, said=CLAIM, metadata=METADATA, fault=FAULT)
    def server_says(self, who: str, said: dict[str, str], metadata: dict[str, Any] | None, fault: Any) -> None:
        after = self._of(who).add(said, metadata, is_proven=True)
        body = {**said, "visitorId": who, "metadata": metadata}
        self._identify(who, body, private(), after, fault, is_page=False)

    @rule(who=WHO, metadata=METADATA, said=st.none() | SIGNED, fault=FAULT)
    def patches(self, who: str, metadata: dict[str, Any] | None, said: dict[str, str] | None, fault: Any) -> None:
        before, sent = self._of(who), dict(metadata or {})
        after = before if said is None else before.add(said, None, is_proven=True)
        assert after is not None
        if said is not None:
            sent["identityToken"] = signed(said)
        merged = after.metadata | (metadata or {})
        after = Modelled(after.said, after.proven, {n: v for n, v in merged.items() if v is not None})
        after.page_hash = metadata_hash(sent)
        expected = OK
        if who not in self.model and said is None:
            expected = NO_CONTACT
        elif who in self.blocked and (before.said, before.proven) != (after.said, after.proven):
            expected = BLOCKED
        self._call({"metadata": sent}, visitor(who), contacts.PATCH_METADATA, fault, expected, visitorId=who)
        if expected == OK:
            self.model[who] = after

    @rule(who=WHO, is_block=st.booleans(), fault=FAULT)
    def blocks(self, who: str, is_block: bool, fault: Any) -> None:
        route = visitors.BLOCK if is_block else visitors.UNBLOCK
        self._call(None, private(), route, fault, OK, visitorId=who)
        (self.blocked.add if is_block else self.blocked.discard)(who)

    @rule(who=WHO, fault=FAULT)
    def is_there(self, who: str, fault: Any) -> None:
        self._call({"currentPage": {"path": "/"}}, visitor(who), visitors.TELL, fault, OK, visitorId=who)

    @rule(who=WHO)
    def expires(self, who: str) -> None:
        for row in self._visitors():
            if row["id"] != who:
                continue
            self.left |= set(Visitor.from_item(row).lookups)
            self.expire([row])
            self.model.pop(who, None)

    @rule(asked=st.sampled_from([*(("externalId", one) for one in ACCOUNTS), *(("email", one) for one in EMAILS)]))
    def finds(self, asked: tuple[str, str]) -> None:
        name, value = asked
        found = self.ask(None, private(), route=contacts.FIND, query={name: value}).body["visitors"]
        expected = {who for who, there in self.model.items() if there.said.get(name) == value}
        assert {one["id"] for one in found} == expected

    @invariant()
    def what_is_stored_and_told_is_the_models(self) -> None:
        for who in (VISITOR, OTHER_VISITOR):
            there = self.model.get(who)
            own = self.ask(None, visitor(who), route=websites.GET).body["visitor"]
            assert own["isBlocked"] == (who in self.blocked)
            if there is None:
                assert own["contact"] is None
                continue
            told = self.ask(None, private(), route=visitors.GET, visitorId=who).body["contact"]
            said = {name: told[name] for name in ("externalId", "email", "name") if told[name] is not None}
            assert (said, set(told["verified"]), told["metadata"] or {}) == (there.said, there.proven, there.metadata)
            assert own["contact"].items() >= {"id": told["id"], "metadataHash": there.page_hash}.items()
        lookups = {key for row in self._visitors() for key in Visitor.from_item(row).lookups}
        stored = {(str(row["PK"]), str(row["SK"])) for row in self.rows("CONTACT#")}
        assert lookups <= stored <= lookups | self.left

    def _visitors(self) -> list[Item]:
        return [row for row in self.rows("VISITOR#") if row["SK"] == "VISITOR" and "ttl" not in row]

    def _of(self, who: str) -> Modelled:
        return self.model.get(who) or Modelled()

    def _identify(
        self, who: str, body: object, headers: dict[str, str], after: Modelled | None, fault: Any, *, is_page: bool
    ) -> None:
        expected = OK
        if after is None:
            expected = VERIFIED
        elif is_page and who in self.blocked and (who not in self.model or after != self.model[who]):
            expected = BLOCKED
        self._call(body, headers, contacts.IDENTIFY, fault, expected)
        if expected == OK and after is not None:
            self.model[who] = after

    def _call(
        self, body: object, headers: dict[str, str], route: AnyRoute, fault: Any, expected: Expected, **parameters: str
    ) -> None:
        what, nth, lasting = fault
        operation = "TransactWriteItems" if what in OF_TRANSACTIONS else None
        self.proxy.inject((FAULTS | OF_TRANSACTIONS)[what], operation, nth, times=inf if lasting else 1)
        response = self.ask(body, headers, 10 if what == "none" else 1, route=route, **parameters)
        self.proxy.lift()
        if response.status == 503:
            assert what != "none"
            response = self.ask(body, headers, route=route, **parameters)
        assert (response.status, response.code if response.status != 200 else None) == expected, response.body


def signed(said: dict[str, str]) -> str:
    """Return a token that says this."""
    names = {"externalId": "sub"}
    claims: dict[str, Any] = {names.get(name, name): value for name, value in said.items()}
    return a_token(**claims)


def test_any_sequence_leaves_what_the_model_holds(
    ask: Ask, proxy: Proxy, tables: dict[int, Table], dynamodb: str, soak: int
) -> None:
    class Machine(Contacts):
        def __init__(self) -> None:
            name = f"contacts-{uuid.uuid4()}"
            create_table(dynamodb, name, latest().table())
            demo.write(dynamodb, name)
            for table in tables.values():
                table.name = name
            self.name = name
            super().__init__(
                ask,
                proxy,
                lambda prefix: scan(dynamodb, name, prefix),
                lambda rows: let_expire(dynamodb, name, rows),
            )

        def teardown(self) -> None:
            connect(dynamodb).delete_table(TableName=self.name)

    sequences.run(Machine, soak, examples=4, steps=25)


def test_tabs_that_identify_at_once_lose_nothing(dynamodb: str, seeded_table: str, storage: Storage) -> None:  # noqa: ARG001
    def tab(number: int) -> int:
        api = api_over(Table(seeded_table, timeout_seconds=60))
        said: dict[str, Any] = {"metadata": {f"tab{number}": number}}
        if number % 2:
            said |= {"email": f"{number}@example.com", "name": f"{number}"}
        else:
            said["identityToken"] = a_token(sub="user-1")
        return api(said, visitor(), route=contacts.IDENTIFY).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(tab, range(8)))

    [row] = [row for row in storage.scan("VISITOR#") if row["SK"] == "VISITOR"]
    known = Visitor.from_item(row)
    assert statuses == [200] * 8
    assert (known.external_id, known.verified) == ("user-1", ("externalId",))
    assert known.email == f"{known.name}@example.com"
    [metadata] = [row["metadata"] for row in storage.scan("VISITOR#") if row["SK"] == "METADATA"]
    assert json.loads(str(metadata)) == {f"tab{number}": number for number in range(8)}
    found = {(str(row["PK"]), str(row["SK"])) for row in storage.scan(f"CONTACT#{WEBSITE}")}
    assert found == set(known.lookups)
