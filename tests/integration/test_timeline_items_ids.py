"""Ids of items: those that the server makes belong to one caller's request, and none can be taken from the company."""

import pytest

from local.seed import WEBSITE_A
from tests.builders import (
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
    public,
)
from tests.client import Api, Response, Stored
from tests.operators import Operate, a_key


def send(api: Api, headers: dict[str, str], *items: object, **fields: object) -> Response:
    return api(a_body(conversationId="c", defaultTimelineItems=items, **fields), headers)


def texts(stored: Stored) -> list[str]:
    return sorted(str(item["content"]) for item in stored() if item["SK"] != "CONVERSATION")


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_visitor_who_writes_the_company_s_words_first_does_not_take_their_place(
    api: Api, stored: Stored, visibility: str
) -> None:
    theirs = send(api, public(), a_message("Thank you.")).items[0]
    response = send(api, private(), a_message("Thank you.", visibility=visibility))

    assert (response.status, "idempotent-replayed" in response.headers) == (200, False)
    assert response.items[0]["id"] != theirs["id"]
    assert response.items[0]["visibility"] == visibility
    assert texts(stored) == ['{"text":"Thank you."}'] * 2


def test_an_idempotency_key_of_a_visitor_is_not_that_of_the_company(api: Api) -> None:
    body = a_body(defaultTimelineItems=[a_message()])
    theirs = api(body, {**public(), "idempotency-key": "order-1017"})
    response = api(body, {**private(), "idempotency-key": "order-1017"})

    assert (response.status, "idempotent-replayed" in response.headers) == (200, False)
    assert response.conversation["id"] != theirs.conversation["id"]


def test_generated_ids_of_two_websites_have_nothing_in_common(api: Api) -> None:
    body = a_body(conversationId="c", defaultTimelineItems=[a_message()])

    assert api(body).items[0]["id"] != api(body, private(OTHER_PRIVATE_KEY)).items[0]["id"]


def test_a_retry_after_the_key_was_rotated_finds_its_items(api: Api, operate: Operate) -> None:
    body = a_body(defaultTimelineItems=[a_message()])
    created = api(body, {**private(), "idempotency-key": "1"})
    old = operate("describe_key", key=PRIVATE_KEY)["key"]["id"]
    new = operate("rotate_key", keyId=old)["secret"]

    replayed = api(body, {**private(new), "idempotency-key": "1"})

    assert (replayed.headers.get("idempotent-replayed"), replayed.body) == ("true", created.body)


def test_keys_issued_later_share_the_website_s_ids(api: Api, operate: Operate) -> None:
    _, issued = a_key(operate, WEBSITE)
    created = send(api, private(), a_message())

    assert send(api, private(issued), a_message()).body == created.body


def test_no_operator_is_shown_the_secret_of_generated_ids(operate: Operate) -> None:
    key_id, _ = a_key(operate, WEBSITE)
    shown = [
        operate("get_website", websiteId=WEBSITE),
        operate("list_websites"),
        operate("list_keys", websiteId=WEBSITE),
        operate("describe_key", keyId=key_id),
        operate("create_website", name="Shop", organizationId="o"),
    ]

    assert not [response for response in shown if "error" in response or "idSecret" in str(response)]
    assert WEBSITE_A.id_secret not in str(shown)


def a_part(value: object) -> dict[str, object]:
    return {"type": "reasoning", "text": "x", "providerMetadata": {"x": value}}


TAKEN = [
    pytest.param({"text": " "}, {"text": "Your refund is on its way."}, id="text"),
    pytest.param({"text": "x"}, {"text": "x", "visibility": "private"}, id="visibility"),
    pytest.param({"text": "x"}, {"text": "x", "visitorId": None, "userId": "user-1"}, id="team member"),
    pytest.param({"text": "x"}, {"text": "x", "visitorId": None, "aiAgentId": "agent-1"}, id="agent"),
    pytest.param({"text": "x"}, {"text": "x", "type": "event"}, id="type"),
    pytest.param({"text": "x"}, {"text": "x", "parts": [{"type": "step-start"}]}, id="parts"),
    pytest.param({"text": "x"}, {"text": "x", "visitorId": None}, id="visitor"),
    *(
        pytest.param({"parts": [a_part(theirs)]}, {"parts": [a_part(ours)]}, id=f"{theirs} for {ours}")
        for theirs, ours in [(True, 1), (False, 0), (1.0, 1)]
    ),
]


@pytest.mark.parametrize("opened_by", [public(), private()], ids=["visitor opened", "company opened"])
@pytest.mark.parametrize(("theirs", "ours"), TAKEN)
def test_an_id_that_a_visitor_took_is_a_conflict_for_the_company(
    api: Api, stored: Stored, theirs: dict[str, object], ours: dict[str, object], opened_by: dict[str, str]
) -> None:
    send(api, opened_by)
    send(api, public(), {**theirs, "id": "m1"})
    before = stored()

    # Alike in all but what the case is about: what a visitor adds is the visitor's.
    item = {"visitorId": VISITOR, **ours, "id": "m1"}
    for request in ([item], [{"id": "new"}, item]):
        response = send(api, private(), *request)

        assert (response.status, response.code) == (409, "ITEM_ID_CONFLICT")
        assert response.paths == [f"defaultTimelineItems.{len(request) - 1}.id"]
    assert stored() == before


def test_every_id_that_is_taken_is_named_up_to_twenty(api: Api) -> None:
    send(api, public(), *({"id": str(n)} for n in range(30)))

    response = send(api, private(), *(a_message("ours", id=str(n)) for n in range(30)))

    assert response.paths == [f"defaultTimelineItems.{n}.id" for n in range(20)]


def test_the_company_may_repeat_what_a_visitor_wrote(api: Api, stored: Stored) -> None:
    """A server that mirrors the widget's messages names them as they are."""
    written = send(api, public(), a_message("Hello!", id="m1", parts=[{"type": "text", "text": "Hello!"}]))
    before = stored()
    repeated = send(
        api,
        private(),
        a_message("Hello!", id="m1", parts=[{"text": "Hello!", "type": "text"}], createdAt="2020-01-01T00:00:00Z"),
    )

    assert (repeated.headers.get("idempotent-replayed"), repeated.items) == ("true", written.items)
    assert stored() == before


@pytest.mark.parametrize(
    "written",
    [{"text": "Hi"}, {"parts": [{"type": "text", "text": "Hi"}]}, {"type": "event", "parts": [{"type": "step-start"}]}],
)
def test_the_company_may_echo_an_answer(api: Api, stored: Stored, written: dict[str, object]) -> None:
    answered = send(api, public(), {**written, "id": "m1"}).items
    before = stored()
    echoed = send(api, private(), *answered)

    assert (echoed.headers.get("idempotent-replayed"), echoed.items) == ("true", answered)
    assert stored() == before


def test_what_the_company_wrote_stays_a_replay_for_both(api: Api) -> None:
    written = send(api, private(), a_message("one", id="m1", userId="user-1"))

    assert send(api, private(), a_message("one", id="m1", userId="user-2")).items == written.items
    assert send(api, public(), a_message("one", id="m1")).items == written.items


@pytest.mark.parametrize("fields", [{"conversationId": "c"}, {}], ids=["conversation id", "idempotency key"])
def test_the_order_of_names_changes_no_item(api: Api, stored: Stored, fields: dict[str, object]) -> None:
    def body(*names: str) -> dict[str, object]:
        inner = {name: dict.fromkeys(names, 0) for name in names}
        tool = {"type": "tool-x", "toolCallId": "1", "toolName": "x", "state": "result"}
        part = {**tool, "input": inner, "output": [inner], "providerMetadata": inner}
        items = [{"parts": [part]}, {"text": "x", "parts": [dict(reversed(part.items()))]}]
        return a_body(**fields, metadata=dict.fromkeys(names, 1), defaultTimelineItems=items)

    headers = {**private(), "idempotency-key": "1"}
    created = api(body("a", "b", "c"), headers)
    replayed = api(body("c", "b", "a"), headers)

    assert (replayed.status, replayed.headers.get("idempotent-replayed")) == (200, "true")
    assert len(replayed.items) == 2
    assert replayed.body == created.body
    assert len(stored()) == 3


def test_another_visitor_learns_nothing_of_taken_ids(api: Api) -> None:
    send(api, public(), {"id": "m1"})

    response = send(api, private(), a_message("ours", id="m1"), visitorId=OTHER_VISITOR)

    assert response.code == "CONVERSATION_ID_CONFLICT"
