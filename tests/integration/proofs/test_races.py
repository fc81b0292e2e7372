"""What happens between the calls of a request: other requests, other clocks, requests that arrive when none waits."""

import itertools
import json
from collections.abc import Callable
from math import inf

import pytest
from support.dynamodb.items import Item
from support.values import timestamps
from support.values.conversation import CONVERSATION_SK, Conversation
from support.values.timeline_item import TimelineItem

from local.dynamodb import connect
from tests.builders import OTHER_VISITOR, WEBSITE, a_body, a_message, private, public
from tests.client import Api, Stored
from tests.integration.proofs import proxy as faults
from tests.integration.proofs.conftest import Ask
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.proxy import Fault, Proxy, Response, delayed, meanwhile, pass_on, reset_after
from tests.stored import let_expire

A, B, C = (a_message(text, id=text) for text in "abc")
SECRET = a_message("secret", id="secret", visibility="private")


@pytest.fixture
def timeline(stored: Stored, name: str) -> Callable[[], list[TimelineItem]]:
    """Read the conversation's timeline; the whole table is checked."""
    return lambda: timelines(stored())[f"CONVERSATION#{WEBSITE}#test#{name}"]


Timeline = Callable[[], list[TimelineItem]]


def ids(timeline: list[TimelineItem]) -> list[str]:
    return [item.id for item in timeline]


def test_an_overtaken_creation_is_a_replay(ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline) -> None:
    body = a_body(conversationId=name, defaultTimelineItems=[A, a_message("no id")])
    proxy.inject(meanwhile(lambda: other(body)))

    response = ask(body)

    assert (response.status, response.headers.get("idempotent-replayed")) == (200, "true")
    assert ids(timeline()) == [item["id"] for item in response.items]


def test_an_overtaken_creation_is_an_append(ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline) -> None:
    proxy.inject(meanwhile(lambda: other(a_body(conversationId=name, defaultTimelineItems=[B]))))

    assert ask(a_body(conversationId=name, defaultTimelineItems=[A, B])).status == 200

    assert {item.id: item.position for item in timeline()} == {"b": 0, "a": 1}


def test_a_creation_that_another_visitor_overtakes_is_a_409(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline
) -> None:
    theirs = {"visitorId": OTHER_VISITOR, "conversationId": name, "defaultTimelineItems": [B]}
    proxy.inject(meanwhile(lambda: other(theirs)))

    response = ask(a_body(conversationId=name, defaultTimelineItems=[A, B]))

    assert response.code == "CONVERSATION_ID_CONFLICT"
    assert OTHER_VISITOR not in json.dumps(response.body)
    assert ids(timeline()) == ["b"]


def test_a_call_whose_idempotency_key_is_used_meanwhile_for_another_is_a_422(
    ask: Ask, other: Api, proxy: Proxy, name: str, stored: Stored
) -> None:
    headers = {**private(), "idempotency-key": name}
    proxy.inject(meanwhile(lambda: other(a_body(defaultTimelineItems=[B]), headers)))

    assert ask(a_body(defaultTimelineItems=[A]), headers).code == "IDEMPOTENCY_KEY_REUSED"

    replayed = other(a_body(defaultTimelineItems=[B]), headers)
    assert ids(timelines(stored())[f"CONVERSATION#{WEBSITE}#test#{replayed.conversation['id']}"]) == ["b"]


@pytest.mark.parametrize("theirs", [[A, B], [A, C], [A, C, B], [A, SECRET]], ids=["same", "another", "both", "private"])
@pytest.mark.parametrize("times", [1, 3])
def test_an_append_that_others_overtake_keeps_all(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline, theirs: list[dict[str, object]], times: int
) -> None:
    other(a_body(conversationId=name, defaultTimelineItems=[A]))
    number = itertools.count(1)

    def overtake() -> None:
        extra = a_message("extra", id=f"extra{next(number)}")
        assert other(a_body(conversationId=name, defaultTimelineItems=[*theirs, extra])).status == 200

    proxy.inject(meanwhile(overtake), nth=2, times=times)
    response = ask(a_body(conversationId=name, defaultTimelineItems=[A, B]), public())

    assert response.status == 200
    assert response.conversation["lastTimelineItem"]["visibility"] == "public"
    # One that writes the very same ends the race; otherwise each round was lost, and the last one won.
    rounds = 1 if B in theirs else times
    extras = [f"extra{n}" for n in range(1, rounds + 1)]
    assert sorted(ids(timeline())) == sorted({"a", "b", *(str(item["id"]) for item in theirs), *extras})


def test_an_append_that_its_retry_overtakes_reads_what_is_not_returned(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline
) -> None:
    other(a_body(conversationId=name, defaultTimelineItems=[A]))
    many = [a_message(str(n), id=str(n)) for n in range(50)]
    body = a_body(conversationId=name, defaultTimelineItems=[A, *many])
    proxy.inject(meanwhile(lambda: other(body)), nth=2)

    response = ask(body)

    assert response.headers["idempotent-replayed"] == "true"
    assert ids(timeline()) == [item["id"] for item in response.items]
    assert proxy.calls == ["GetItem", "TransactWriteItems", "TransactWriteItems", "BatchGetItem"]


def test_a_public_append_of_an_id_that_becomes_private_is_a_403(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline
) -> None:
    other(a_body(conversationId=name, defaultTimelineItems=[A]))
    secret = a_message("theirs", id="b", visibility="private")
    proxy.inject(meanwhile(lambda: other(a_body(conversationId=name, defaultTimelineItems=[secret]))), nth=2)

    response = ask(a_body(conversationId=name, defaultTimelineItems=[B, C]), public())

    assert response.code == "PRIVATE_KEY_REQUIRED"
    assert "theirs" not in json.dumps(response.body)
    assert ids(timeline()) == ["a", "b"]


@pytest.mark.parametrize("fault", [pass_on, faults.without_items, faults.first_reason_alone, faults.last_reason_alone])
def test_a_public_key_that_names_a_private_item_beside_new_ones_writes_nothing(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline, fault: Fault
) -> None:
    other(a_body(conversationId=name, defaultTimelineItems=[A, SECRET]))
    proxy.inject(fault, times=inf)

    response = ask(a_body(conversationId=name, defaultTimelineItems=[B, {"id": "secret"}, C]), public())

    assert response.code == "PRIVATE_KEY_REQUIRED"
    assert ids(timeline()) == ["a", "secret"]


def test_a_public_key_sees_the_last_public_item_after_private_appends(ask: Ask, name: str, timeline: Timeline) -> None:
    ask(a_body(conversationId=name, defaultTimelineItems=[A]))
    ask(a_body(conversationId=name, defaultTimelineItems=[SECRET]))

    def last(headers: dict[str, str], *items: dict[str, object]) -> str:
        response = ask(a_body(conversationId=name, defaultTimelineItems=list(items)), headers)
        return str(response.conversation["lastTimelineItem"]["id"])

    assert last(private()) == "secret"
    assert last(public()) == "a"
    assert last(public(), B) == "b"
    assert last(private(), a_message("more", id="more", visibility="private")) == "more"
    assert last(public()) == "b"
    assert ids(timeline()) == ["a", "secret", "b", "more"]


def test_a_conversation_of_private_items_has_no_last_item_for_a_public_key(ask: Ask, name: str) -> None:
    ask(a_body(conversationId=name, defaultTimelineItems=[SECRET]))

    response = ask(a_body(conversationId=name), public())

    assert response.status == 200
    assert "lastTimelineItem" not in response.conversation


def test_equal_times_are_in_the_order_of_writing(ask: Ask, name: str, timeline: Timeline) -> None:
    moment = "2026-01-01T00:00:00Z"
    names = [f"{number}" for number in range(12, 0, -1)]
    for part in (names[:5], names[5:6], names[6:]):
        items = [a_message(id=item, createdAt=moment) for item in part]
        response = ask(a_body(conversationId=name, defaultTimelineItems=items))
        assert response.conversation["lastTimelineItem"]["id"] == part[-1]

    assert ids(timeline()) == names


def test_more_items_than_one_transaction_takes_are_one_timeline(ask: Ask, name: str, timeline: Timeline) -> None:
    names = [f"{number}" for number in range(250)]
    for start in range(0, len(names), 99):
        items = [a_message(id=item, createdAt="2026-01-01T00:00:00Z") for item in names[start : start + 99]]
        assert ask(a_body(conversationId=name, defaultTimelineItems=items)).status == 200

    assert ids(timeline()) == names
    again = ask(a_body(conversationId=name, defaultTimelineItems=[a_message(id=item) for item in names[99:198]]))
    assert [item["id"] for item in again.items] == names[99:198]
    assert again.conversation["lastTimelineItem"]["id"] == "249"


def test_a_clock_that_goes_back_does_not_take_the_conversation_along(
    ask: Ask, name: str, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now, item in (("2030-06-01T00:00:00.000Z", A), ("2030-05-01T00:00:00.000Z", B)):
        monkeypatch.setattr(timestamps, "now", lambda now=now: now)
        response = ask(a_body(conversationId=name, defaultTimelineItems=[item]))

    assert response.conversation["updatedAt"] == "2030-06-01T00:00:00.001Z"
    assert response.items[0]["createdAt"] == "2030-06-01T00:00:00.000Z"
    assert response.conversation["lastTimelineItem"]["id"] == "b"
    [conversation] = [item for item in items_of(stored, name) if item["SK"] == CONVERSATION_SK]
    assert Conversation.from_item(conversation).updated_at == "2030-06-01T00:00:00.001Z"


@pytest.fixture
def expire(dynamodb: str, seeded_table: str, stored: Stored, name: str) -> Callable[[], None]:
    """Let the conversation have expired with all its items."""
    return lambda: let_expire(dynamodb, seeded_table, items_of(stored, name))


def items_of(stored: Stored, conversation_id: str) -> list[Item]:
    return [item for item in stored() if str(item["PK"]).endswith(f"#{conversation_id}")]


@pytest.fixture
def forget(dynamodb: str, seeded_table: str, name: str) -> Callable[[], None]:
    """Take the conversation away and leave its items, as the first deletion of many does."""
    key = {"PK": {"S": f"CONVERSATION#{WEBSITE}#test#{name}"}, "SK": {"S": CONVERSATION_SK}}
    return lambda: connect(dynamodb).delete_item(TableName=seeded_table, Key=key) and None


def test_an_append_is_never_written_into_the_next_conversation_of_the_same_id(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline, expire: Callable[[], None]
) -> None:
    """Both are at version 1: the version alone does not tell which conversation it was."""
    other(a_body(conversationId=name, defaultTimelineItems=[A]))
    theirs = {"visitorId": OTHER_VISITOR, "conversationId": name, "defaultTimelineItems": [B]}

    def next_one() -> None:
        expire()
        assert other(theirs).status == 200

    proxy.inject(meanwhile(next_one), nth=2)
    response = ask(a_body(conversationId=name, defaultTimelineItems=[A, C]))

    assert response.code == "CONVERSATION_ID_CONFLICT"
    assert ids(timeline()) == ["b"]


@pytest.mark.parametrize("again", [False, True], ids=["expired", "opened again"])
def test_an_append_whose_conversation_expires_meanwhile_is_kept_by_the_next_one(
    ask: Ask, other: Api, proxy: Proxy, name: str, timeline: Timeline, expire: Callable[[], None], again: bool
) -> None:
    other(a_body(conversationId=name, channel="first", defaultTimelineItems=[A]))

    def end() -> None:
        expire()
        assert not again or other(a_body(conversationId=name, channel="next", defaultTimelineItems=[B])).status == 200

    proxy.inject(meanwhile(end), nth=2)
    response = ask(a_body(conversationId=name, channel="next", defaultTimelineItems=[A, C]))

    assert (response.status, "idempotent-replayed" in response.headers) == (200, False)
    assert response.conversation["channel"] == "next"
    assert ids(timeline()) == ["b", "a", "c"] if again else ["a", "c"]
    assert [item["text"] for item in response.items] == ["a", "c"]


def test_what_stood_under_an_id_before_is_never_seen_in_the_next_conversation(
    ask: Ask, name: str, timeline: Timeline, forget: Callable[[], None]
) -> None:
    """However far the clock of an instance is behind: nothing here has expired."""
    many = [a_message(f"old {n}", id=f"m{n}") for n in range(12)]
    ask(a_body(conversationId=name, defaultTimelineItems=[*many, SECRET]))
    forget()

    opened = ask(a_body(conversationId=name, defaultTimelineItems=[a_message("new", id="m0"), *many[11:]]))
    again = ask(a_body(conversationId=name, defaultTimelineItems=[a_message("new", id="m0"), *many[11:]]))
    added = ask(
        a_body(conversationId=name, defaultTimelineItems=[a_message("new", id="m1"), {"id": "secret"}]), public()
    )

    assert [response.status for response in (opened, again, added)] == [200, 200, 200]
    assert "idempotent-replayed" not in {**opened.headers, **added.headers}
    assert again.items == opened.items
    assert [item["text"] for item in (*opened.items, *added.items)] == ["new", "old 11", "new", None]
    assert ids(timeline()) == ["m0", "m11", "m1", "secret"]


def test_items_of_an_earlier_conversation_are_none_of_the_next(
    ask: Ask, name: str, timeline: Timeline, forget: Callable[[], None]
) -> None:
    """Of a write that loses, only the first items that stand in its way are returned."""
    many = [a_message(f"{n}", id=f"m{n}") for n in range(12)]
    ask(a_body(conversationId=name, defaultTimelineItems=many))
    forget()
    ask(a_body(conversationId=name, defaultTimelineItems=many[:10]))

    response = ask(a_body(conversationId=name, defaultTimelineItems=many))

    assert (response.status, "idempotent-replayed" in response.headers) == (200, False)
    assert ids(timeline()) == [item["id"] for item in response.items] == [item["id"] for item in many]


@pytest.mark.parametrize("before", ["expired", "forgotten"])
def test_a_replay_in_the_next_conversation_is_one_whatever_a_key_may_add(
    ask: Ask,
    other: Api,
    proxy: Proxy,
    name: str,
    timeline: Timeline,
    expire: Callable[[], None],
    forget: Callable[[], None],
    before: str,
) -> None:
    """A write that was meant for another conversation is not told of the items that stand in this one."""
    body = a_body(conversationId=name, defaultTimelineItems=[a_message("Hi!", id="greeting", userId="anna"), A])
    first = {**body, "defaultTimelineItems": body["defaultTimelineItems"][: 1 if before == "expired" else 2]}  # type: ignore[index]
    assert other(first, public()).status == 200

    def next_one() -> None:
        if before == "expired":
            expire()
        assert other(body, public()).status == 200

    if before == "forgotten":
        forget()
    proxy.inject(meanwhile(next_one), nth=2)
    response = ask(body, public())

    assert (response.status, response.headers.get("idempotent-replayed")) == (200, "true")
    assert ids(timeline()) == ["greeting", "a"]


@pytest.mark.parametrize("again", [False, True], ids=["expired", "opened again"])
@pytest.mark.parametrize("named", [True, False], ids=["conversationId", "Idempotency-Key"])
@pytest.mark.parametrize("by", [private(), public()], ids=["private", "public"])
def test_a_conversation_that_expires_unread_makes_way_for_the_next(
    ask: Ask,
    other: Api,
    proxy: Proxy,
    name: str,
    stored: Stored,
    dynamodb: str,
    seeded_table: str,
    again: bool,
    named: bool,
    by: dict[str, str],
) -> None:
    """What may stand in an opening alone, such as a greeting, is no addition then."""
    many = [a_message(f"{n}", id=f"m{n}", userId="anna") for n in range(12)]
    headers = by if named else {**by, "idempotency-key": name}
    body = a_body(defaultTimelineItems=many, **{"conversationId": name} if named else {})
    first = other(body, headers)
    before = incarnations(stored, first.conversation["id"])

    def end() -> None:
        let_expire(dynamodb, seeded_table, items_of(stored, first.conversation["id"]))
        assert not again or other(body, headers).status == 200

    proxy.inject(meanwhile(end), "BatchGetItem")
    response = ask(body, headers)

    assert response.status == 200
    assert incarnations(stored, first.conversation["id"]).isdisjoint(before)
    [pk] = [pk for pk in timelines(stored()) if pk.endswith(f"#{first.conversation['id']}")]
    assert ids(timelines(stored())[pk]) == [item["id"] for item in response.items] == [item["id"] for item in many]


def incarnations(stored: Stored, conversation_id: str) -> set[object]:
    found = [item for item in stored() if str(item["PK"]).endswith(f"#{conversation_id}")]
    return {item["incarnation"] for item in found if item["SK"] == CONVERSATION_SK}


@pytest.mark.parametrize("past", [[], [A]], ids=["creation", "append"])
def test_a_write_that_arrives_after_its_retry_changes_nothing(
    ask: Ask, proxy: Proxy, name: str, timeline: Timeline, past: list[dict[str, object]]
) -> None:
    if past:
        ask(a_body(conversationId=name, defaultTimelineItems=past))
    late: list[Callable[[], Response]] = []
    proxy.inject(delayed(late), nth=1 + len(past))

    # The same request tries again by itself, under the same token.
    response = ask(a_body(conversationId=name, defaultTimelineItems=[*past, B, C]))
    [deliver] = late
    deliver()

    assert response.status == 200
    assert ids(timeline()) == [*(str(item["id"]) for item in past), "b", "c"]


@pytest.mark.parametrize("past", [[], [A]], ids=["creation", "append"])
@pytest.mark.parametrize("when", ["before the retry", "after the retry"])
def test_a_write_that_arrives_after_a_503_is_found_or_changes_nothing(
    ask: Ask, proxy: Proxy, name: str, timeline: Timeline, past: list[dict[str, object]], when: str
) -> None:
    if past:
        ask(a_body(conversationId=name, defaultTimelineItems=past))
    body = a_body(conversationId=name, defaultTimelineItems=[*past, B, C])
    late: list[Callable[[], Response]] = []
    proxy.inject(delayed(late), nth=1 + len(past), times=inf)
    assert ask(body, timeout_seconds=5).status == 503
    proxy.lift()
    assert late

    if when == "before the retry":
        late[0]()
    response = ask(body)
    for deliver in late:
        deliver()

    assert response.status == 200
    assert ids(timeline()) == [*(str(item["id"]) for item in past), "b", "c"]


def test_a_call_after_a_lost_append_finds_it_and_adds(ask: Ask, proxy: Proxy, name: str, timeline: Timeline) -> None:
    ask(a_body(conversationId=name, defaultTimelineItems=[A]))
    proxy.inject(reset_after, nth=2, times=inf)
    assert ask(a_body(conversationId=name, defaultTimelineItems=[A, B]), timeout_seconds=5).status == 503
    proxy.lift()

    response = ask(a_body(conversationId=name, defaultTimelineItems=[A, B, C]))

    assert [item["id"] for item in response.items] == ["a", "b", "c"]
    assert ids(timeline()) == ["a", "b", "c"]


def test_an_id_that_the_server_would_make_is_no_id_for_another_item(ask: Ask, name: str, timeline: Timeline) -> None:
    derived = ask(a_body(conversationId=name, defaultTimelineItems=[a_message("a")])).items[0]["id"]

    response = ask(a_body(conversationId=name, defaultTimelineItems=[a_message("a"), a_message("b", id=derived)]))

    assert (response.code, response.paths) == ("VALIDATION_FAILED", ["defaultTimelineItems.1.id"])
    assert ids(timeline()) == [derived]


def test_a_request_that_differs_in_a_null_that_is_a_value_is_another_request(ask: Ask, name: str) -> None:
    part = {"type": "tool-x", "toolCallId": "1", "toolName": "x", "input": {}, "state": "result"}
    headers = {**private(), "idempotency-key": name}

    assert ask(a_body(defaultTimelineItems=[{"parts": [part]}]), headers).status == 200
    assert ask(a_body(defaultTimelineItems=[{"parts": [part], "text": None}]), headers).status == 200
    other = ask(a_body(defaultTimelineItems=[{"parts": [{**part, "output": None}]}]), headers)
    assert other.code == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    "fault",
    [
        faults.silence_before,
        faults.silence_after,
        faults.reset_before,
        faults.half_an_answer,
        faults.error(500, "InternalServerError"),
        faults.error(400, "ThrottlingException"),
        faults.error(400, "AccessDeniedException"),
        faults.error(400, "ValidationException"),
    ],
)
def test_a_failing_counter_stops_no_call(ask: Ask, proxy: Proxy, name: str, timeline: Timeline, fault: Fault) -> None:
    proxy.inject(fault, "UpdateItem", times=inf)

    response = ask(a_body(conversationId=name, defaultTimelineItems=[A]), public(), timeout_seconds=5, rate_limit=10)

    assert response.status == 200
    assert ids(timeline()) == ["a"]
