"""Events for others: what is published of the records that the table's stream really holds."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest
from api.routes import contacts, messages, seen, timelines, visitors
from api.routes import status as statuses
from api.routes.conversations import PATCH
from publisher.events import (
    ConversationCreated,
    ConversationUpdated,
    TimelineItemCreated,
    TimelineItemRemoved,
    VisitorErased,
    VisitorIdentified,
)
from support.dynamodb.table import Table

from local import ROOT
from local.dynamodb import connect
from tests.builders import (
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    SETTINGS,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    private,
    public,
)
from tests.calls import change, erase, get, open_one, patch, rate, remove, visitor
from tests.client import Api, api_over
from tests.publishing import Services, publisher_over
from tests.stored import let_expire, scan
from tests.streams import batches, read_stream

Records = list[dict[str, Any]]

#: The records of a table's stream so far, and what is published of them.
Publish = Callable[[], tuple[Records, Services]]


@pytest.fixture
def api(dynamodb: str, streamed: str, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    expiring = replace(SETTINGS, retention_days={"live": 1, "test": 1})
    return api_over(Table(streamed, timeout_seconds=60), rate_limit=10, settings=expiring)


@pytest.fixture
def publish(dynamodb: str, streamed: str) -> Publish:
    """Read the stream from its start, and publish what the mapping's filter lets through, as Lambda does."""

    def run() -> tuple[Records, Services]:
        records, services = read_stream(dynamodb, streamed), Services()
        publish_batch = publisher_over(services)
        for batch in batches("PublisherFunction", records):
            assert publish_batch(batch, Context()) == {"batchItemFailures": []}
        return records, services

    return run


def test_a_creation_is_one_event_without_words(api: Api, publish: Publish) -> None:
    body = a_body(
        conversationId="told",
        channel='a "quoted" \\ channel\n',
        metadata={"plan": "secret-metadata"},
        defaultTimelineItems=[a_message("secret-text"), a_message("secret-text", id="two")],
    )
    created = api(body, private()).conversation
    api(body, private())
    api(body | {"defaultTimelineItems": [a_message("more", id="three")]}, private())

    records, services = publish()
    events = services.details("conversation.created")

    assert {"secret-text", "secret-metadata"} <= set(re.findall(r"secret-\w+", json.dumps(records)))
    assert events == [
        {
            "id": "told",
            "websiteId": WEBSITE,
            "organizationId": ORGANIZATION,
            "mode": "test",
            "visitorKey": ANY,
            "channel": 'a "quoted" \\ channel\n',
            "itemCount": "2",
            "createdAt": created["createdAt"],
        }
    ]


def test_a_visitor_has_one_key_in_all_events_that_does_not_tell_the_id(api: Api, publish: Publish) -> None:
    opened = {
        "one": (VISITOR, PRIVATE_KEY),
        "another": (VISITOR, PRIVATE_KEY),
        "of-another-visitor": (OTHER_VISITOR, PRIVATE_KEY),
        "of-another-website": (VISITOR, OTHER_PRIVATE_KEY),
    }
    for conversation_id, (visitor_id, key) in opened.items():
        assert api(a_body(conversationId=conversation_id, visitorId=visitor_id), private(key)).status == 200

    _, services = publish()
    events = services.details("conversation.created")

    keys = {event["id"]: event["visitorKey"] for event in events}
    assert keys["one"] == keys["another"]
    assert len({keys["one"], keys["of-another-visitor"], keys["of-another-website"]}) == 3
    assert VISITOR not in json.dumps(events)


def test_an_id_used_after_its_end_is_an_event(api: Api, publish: Publish, dynamodb: str, streamed: str) -> None:
    api(a_body(conversationId="again"), private())
    connect(dynamodb).update_item(
        TableName=streamed,
        Key={"PK": {"S": f"CONVERSATION#{WEBSITE}#test#again"}, "SK": {"S": "CONVERSATION"}},
        UpdateExpression="SET #ttl = :past, version = :later",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues={":past": {"N": "1"}, ":later": {"N": "3"}},
    )
    assert "idempotent-replayed" not in api(a_body(conversationId="again"), private()).headers

    records, services = publish()
    assert [event["id"] for event in services.details("conversation.created")] == ["again", "again"]
    assert {record["eventName"] for record in records if "CONVERSATION#" in str(record)} == {"INSERT", "MODIFY"}


def test_no_other_write_of_a_conversation_is_told_as_its_creation(
    api: Api, publish: Publish, dynamodb: str, streamed: str
) -> None:
    api(a_body(conversationId="told", defaultTimelineItems=[a_message("Hello")]), public())
    api({}, visitor(), route=seen.SEE, conversationId="told")
    api({"conversationId": "told", "item": a_message("More")}, visitor(), route=messages.SEND)
    api({"title": "A title"}, route=PATCH, conversationId="told")
    api(route=statuses.RESOLVE, conversationId="told")
    connect(dynamodb).delete_item(
        TableName=streamed, Key={"PK": {"S": f"CONVERSATION#{WEBSITE}#test#told"}, "SK": {"S": "CONVERSATION"}}
    )

    records, services = publish()

    assert sum(record["dynamodb"]["Keys"]["SK"].get("S") == "CONVERSATION" for record in records) == 6
    assert len(services.details("conversation.created")) == 1


def test_changes_of_status_title_and_rating_are_events(api: Api, publish: Publish) -> None:
    open_one(api, a_message("secret-text"), id_="told", metadata={"plan": "secret-metadata"})
    patch(api, {"title": "A title"}, id_="told")
    patch(api, {"metadata": {"plan": "secret-other"}}, id_="told")
    change(api, "resolve", id_="told")
    change(api, "resolve", id_="told")
    assert rate(api, visitor(), id_="told", rating=4, comment="secret-comment").status == 200
    change(api, "spam", id_="told")

    _, services = publish()
    events = services.details("conversation.updated")

    assert [(event["changed"], event["status"], event["title"], event["rating"]) for event in events] == [
        (["title"], "open", "A title", None),
        (["status"], "resolved", "A title", None),
        (["rating"], "resolved", "A title", 4),
        (["status"], "spam", "A title", 4),
    ]
    assert len({event["updatedAt"] for event in events}) == 4
    assert events[-1]["updatedAt"] == get(api, id_="told")["updatedAt"]
    [created] = services.details("conversation.created")
    assert {event["visitorKey"] for event in events} == {created["visitorKey"]}
    assert "secret" not in json.dumps(services.events)
    assert VISITOR not in json.dumps(services.events)


def test_each_item_is_one_event_that_says_nothing_of_it(api: Api, publish: Publish) -> None:
    told = {"conversationId": "told"}
    body = a_body(**told, defaultTimelineItems=[a_message("secret-text", id="0", visitorId="me", tool="secret-tool")])
    api(body, public())
    for item in (a_message("secret-text", id="1", userId="user-1"), a_message(id="2", aiAgentId="agent-1")):
        api({**told, "item": item}, route=messages.SEND)
    api({**told, "item": a_message("secret-text", id="3")}, visitor(), route=messages.SEND)
    api({**told, "item": a_message("secret-text", id="3")}, visitor(), route=messages.SEND)
    api({**told, "item": a_message("x" * 5_000, id="4", visibility="private")}, route=messages.SEND)
    api({}, visitor(), route=seen.SEE, **told)
    api({}, {**private(), "x-actor-user-id": "user-1"}, route=seen.SEE, **told)
    api(route=statuses.RESOLVE, **told)

    _, services = publish()
    events = services.details("timeline_item.created")

    assert [[event[name] for name in ("id", "type", "visibility", "author")] for event in events[:5]] == [
        ["0", "message", "public", "visitor"],
        ["1", "message", "public", "user"],
        ["2", "message", "public", "aiAgent"],
        ["3", "message", "public", "visitor"],
        ["4", "message", "private", "nobody"],
    ]
    assert [event["type"] for event in events[5:]] == ["event"]
    timeline = api(route=timelines.GET, **told).body["items"]
    assert [(event["id"], event["createdAt"]) for event in events] == [
        (item["id"], item["createdAt"]) for item in timeline
    ]
    assert {(event["conversationId"], event["websiteId"], event["mode"]) for event in events} == {
        ("told", WEBSITE, "test")
    }
    assert "secret" not in json.dumps(events)
    assert VISITOR not in json.dumps(events)


def test_an_item_where_an_expired_one_stood_is_an_event(
    api: Api, publish: Publish, dynamodb: str, streamed: str
) -> None:
    body = a_body(conversationId="again", defaultTimelineItems=[a_message(id="1")])
    api(body)
    let_expire(dynamodb, streamed, scan(dynamodb, streamed, "CONVERSATION#"))
    api(body)

    _, services = publish()
    events = services.details("timeline_item.created")

    # Two creations, and one change of `ttl`, which nothing but this test makes.
    assert [event["id"] for event in events] == ["1", "1", "1"]


def test_who_a_visitor_is_is_an_event_without_a_name_and_what_a_page_tells_is_none(api: Api, publish: Publish) -> None:
    told: dict[str, Any] = {"currentPage": {"title": "secret-page"}}
    said = {"email": "secret@example.com", "name": "secret-name", "metadata": {"plan": "secret-plan"}}
    for _ in range(2):
        assert api(told, visitor(), route=visitors.TELL, visitorId=VISITOR).status == 200
        assert api(said, visitor(), route=contacts.IDENTIFY).status == 200
    api({"visitorId": VISITOR, "externalId": "secret-account"}, private(), route=contacts.IDENTIFY)
    api({"metadata": {"seats": 3}}, visitor(), route=contacts.PATCH_METADATA, visitorId=VISITOR)
    api(a_body(conversationId="told"), private())

    _, services = publish()

    events = services.details("visitor.identified")
    assert [event["verified"] for event in events] == [[], ["externalId"]]
    [created] = services.details("conversation.created")
    assert {event["visitorKey"] for event in events} == {created["visitorKey"]}
    assert "secret" not in json.dumps(services.events)
    assert VISITOR not in json.dumps(services.events)


def test_nothing_but_conversations_and_their_items_is_published(publish: Publish) -> None:
    # The demo data: websites and keys.
    records, services = publish()

    assert records
    assert services.events == []


def test_a_removal_is_one_event_and_an_erasure_goes_to_its_queue(api: Api, publish: Publish) -> None:
    open_one(api, a_message("secret-text", id="told"))
    remove(api, "told")
    erase(api)

    _, services = publish()

    assert [entry["DetailType"] for entry in services.events if entry["DetailType"] != "timeline_item.created"] == [
        "conversation.created",
        "timeline_item.removed",
    ]
    assert services.erasures == [{"conversationPK": f"CONVERSATION#{WEBSITE}#test#c"}]
    assert "secret" not in json.dumps(services.events)


def test_the_pages_show_the_fields_that_are_published() -> None:
    forms = (
        *(ConversationCreated, ConversationUpdated, TimelineItemCreated),
        *(TimelineItemRemoved, VisitorIdentified, VisitorErased),
    )
    published = [list(form.__annotations__) for form in forms]
    examples = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.DOTALL)
    runbook = (ROOT / "docs" / "operate.md").read_text()
    sent_again = [
        json.loads(re.findall(rf"^{name} = (.*)$", runbook, re.MULTILINE)[0]) for name in ("CONVERSATION", "ITEM")
    ]

    assert [list(json.loads(example)) for example in examples] == published
    # The only number is added apart from the texts.
    assert [set(fields) for fields in sent_again] == [set(fields) - {"itemCount"} for fields in published[:3:2]]
