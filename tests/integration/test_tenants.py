"""Websites and modes never meet, whatever ids they choose."""

from itertools import pairwise

from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    PUBLIC_KEY,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
    public,
)
from tests.client import Api, Stored

TENANTS = {
    (WEBSITE, "test"): (private(PRIVATE_KEY), public(PUBLIC_KEY)),
    (WEBSITE, "live"): (private(LIVE_PRIVATE_KEY), public(LIVE_PUBLIC_KEY)),
    (OTHER_WEBSITE, "test"): (private(OTHER_PRIVATE_KEY), public(OTHER_PUBLIC_KEY, "https://other.example.net")),
}


def test_the_same_ids_are_other_conversations_for_each_website_and_mode(api: Api, stored: Stored) -> None:
    for (website, mode), callers in TENANTS.items():
        message = a_message(f"{website} {mode}", id="same")
        body = a_body(conversationId="same", defaultTimelineItems=[message])
        created, replayed = (api(body, headers) for headers in callers)

        assert "idempotent-replayed" not in created.headers
        assert replayed.headers["idempotent-replayed"] == "true"
        assert [item["text"] for item in replayed.items] == [message["text"]]
        assert replayed.conversation["websiteId"] == website

    assert {(str(item["PK"]), item["SK"]) for item in stored()} == {
        (f"CONVERSATION#{website}#{mode}#same", sk) for website, mode in TENANTS for sk in ["CONVERSATION", "ITEM#same"]
    }


def test_another_visitor_conflicts_on_his_own_website_alone(api: Api) -> None:
    api(a_body(conversationId="same"))
    other = {"visitorId": OTHER_VISITOR, "conversationId": "same"}

    assert api(other, private(OTHER_PRIVATE_KEY)).status == 200
    assert api(other, private(LIVE_PRIVATE_KEY)).status == 200
    assert api(other).status == 409


def test_generated_item_ids_differ_between_tenants(api: Api) -> None:
    body = a_body(conversationId="same", defaultTimelineItems=[a_message()])
    ids = {api(body, headers).items[0]["id"] for headers, _ in TENANTS.values()}

    assert len(ids) == 3


def test_an_idempotency_key_is_its_tenant_s_and_visitor_s(api: Api) -> None:
    callers = [headers for headers, _ in TENANTS.values()]
    responses = [
        api({"visitorId": visitor}, {**headers, "idempotency-key": "same"})
        for headers in callers
        for visitor in [VISITOR, OTHER_VISITOR]
    ]

    assert [response.status for response in responses] == [200] * 6
    assert len({response.conversation["id"] for response in responses}) == 6
    assert all("idempotent-replayed" not in after.headers for _, after in pairwise(responses))
