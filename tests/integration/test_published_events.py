"""Events for others: what the pipes make of the records that the table's stream really holds."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import boto3
import pytest
from api.routes import messages, seen, timelines
from api.routes import status as statuses
from api.routes.conversations import PATCH
from support.dynamodb.table import Table

from local import ROOT
from local.dynamodb import connect, create_table
from local.stages import expand
from local.template import TEMPLATE, latest
from tests import demo
from tests.builders import (
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    SETTINGS,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
    public,
)
from tests.calls import visitor
from tests.client import Api, api_over
from tests.stored import let_expire, scan

Records = list[dict[str, Any]]


Pipe = dict[str, Any]


@pytest.fixture(scope="module")
def pipe() -> Pipe:
    """The one that tells of conversations."""
    return pipes()["ConversationCreatedPipe"]


@pytest.fixture(scope="module")
def item_pipe() -> Pipe:
    """The one that tells of timeline items."""
    return pipes()["TimelineItemCreatedPipe"]


def pipes() -> dict[str, Pipe]:
    resources = expand(TEMPLATE.read_text())["Resources"]
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] == "AWS::Pipes::Pipe"}


@pytest.fixture
def streamed(dynamodb: str) -> Iterator[str]:
    """A table with the demo data and its stream."""
    name = f"conversations-{uuid.uuid4()}"
    stream = expand(TEMPLATE.read_text())["Resources"]["Table"]["Properties"]["StreamSpecification"]
    create_table(dynamodb, name, latest().table() | {"StreamSpecification": {"StreamEnabled": True, **stream}})
    demo.write(dynamodb, name)
    yield name
    connect(dynamodb).delete_table(TableName=name)


@pytest.fixture
def api(dynamodb: str, streamed: str, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    expiring = replace(SETTINGS, retention_days={"live": 1, "test": 1})
    return api_over(Table(streamed, timeout_seconds=60), rate_limit=10, settings=expiring)


def read(endpoint: str, table: str) -> Records:
    """Read a stream from its start, in the form in which Pipes gets it."""
    streams = boto3.client("dynamodbstreams", endpoint_url=endpoint)
    records: Records = []
    arn = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    return json.loads(json.dumps(records, default=str))  # type: ignore[no-any-return]


def matches(pattern: Any, value: Any) -> bool:
    """Tell whether an event pattern of exact values and prefixes holds (EventBridge User Guide, "Event patterns")."""
    if isinstance(pattern, list):
        prefixes = [entry["prefix"] for entry in pattern if isinstance(entry, dict)]
        return value in pattern or (isinstance(value, str) and value.startswith(tuple(prefixes)))
    return isinstance(value, dict) and all(matches(wanted, value.get(name)) for name, wanted in pattern.items())


def published(pipe: Pipe, records: Records) -> Records:
    """Return what the pipe sends to the bus for these records."""
    [pattern] = [json.loads(entry["Pattern"]) for entry in pipe["SourceParameters"]["FilterCriteria"]["Filters"]]
    template = pipe["TargetParameters"]["InputTemplate"]

    def render(record: dict[str, Any]) -> dict[str, Any]:
        def value(path: str) -> Any:
            found: Any = record
            for step in path.split("."):
                found = found[step]
            return found

        # EventBridge User Guide, "Input transformation": a value is JSON, or text where quotes stand around it.
        text = re.sub(r'"<\$\.([\w.]+)>"', lambda match: f'"{value(match[1])}"', template)
        text = re.sub(r"<\$\.([\w.]+)>", lambda match: json.dumps(value(match[1])), text)
        rendered: dict[str, Any] = json.loads(text)
        return rendered

    return [render(record) for record in records if matches(pattern, record)]


def test_a_creation_is_one_event_without_words(api: Api, pipe: Pipe, dynamodb: str, streamed: str) -> None:
    body = a_body(
        conversationId="told",
        channel='a "quoted" \\ channel\n',
        metadata={"plan": "secret-metadata"},
        defaultTimelineItems=[a_message("secret-text"), a_message("secret-text", id="two")],
    )
    created = api(body, private()).conversation
    api(body, private())
    api(body | {"defaultTimelineItems": [a_message("more", id="three")]}, private())

    records = read(dynamodb, streamed)
    events = published(pipe, records)

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


def test_a_visitor_has_one_key_in_all_events_that_does_not_tell_the_id(
    api: Api, pipe: Pipe, dynamodb: str, streamed: str
) -> None:
    opened = {
        "one": (VISITOR, PRIVATE_KEY),
        "another": (VISITOR, PRIVATE_KEY),
        "of-another-visitor": (OTHER_VISITOR, PRIVATE_KEY),
        "of-another-website": (VISITOR, OTHER_PRIVATE_KEY),
    }
    for conversation_id, (visitor_id, key) in opened.items():
        assert api(a_body(conversationId=conversation_id, visitorId=visitor_id), private(key)).status == 200

    events = published(pipe, read(dynamodb, streamed))

    keys = {event["id"]: event["visitorKey"] for event in events}
    assert keys["one"] == keys["another"]
    assert len({keys["one"], keys["of-another-visitor"], keys["of-another-website"]}) == 3
    assert VISITOR not in json.dumps(events)


def test_an_id_used_after_its_end_is_an_event(api: Api, pipe: Pipe, dynamodb: str, streamed: str) -> None:
    api(a_body(conversationId="again"), private())
    connect(dynamodb).update_item(
        TableName=streamed,
        Key={"PK": {"S": f"CONVERSATION#{WEBSITE}#test#again"}, "SK": {"S": "CONVERSATION"}},
        UpdateExpression="SET #ttl = :past, version = :later",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues={":past": {"N": "1"}, ":later": {"N": "3"}},
    )
    assert "idempotent-replayed" not in api(a_body(conversationId="again"), private()).headers

    records = read(dynamodb, streamed)
    assert [event["id"] for event in published(pipe, records)] == ["again", "again"]
    assert {record["eventName"] for record in records if "CONVERSATION#" in str(record)} == {"INSERT", "MODIFY"}


def test_no_other_write_of_a_conversation_is_told_as_its_creation(
    api: Api, pipe: Pipe, dynamodb: str, streamed: str
) -> None:
    api(a_body(conversationId="told", defaultTimelineItems=[a_message("Hello")]), public())
    api({}, visitor(), route=seen.SEE, conversationId="told")
    api({"conversationId": "told", "item": a_message("More")}, visitor(), route=messages.SEND)
    api({"title": "A title"}, route=PATCH, conversationId="told")
    api(route=statuses.RESOLVE, conversationId="told")
    connect(dynamodb).delete_item(
        TableName=streamed, Key={"PK": {"S": f"CONVERSATION#{WEBSITE}#test#told"}, "SK": {"S": "CONVERSATION"}}
    )

    records = read(dynamodb, streamed)

    assert sum(record["dynamodb"]["Keys"]["SK"].get("S") == "CONVERSATION" for record in records) == 6
    assert len(published(pipe, records)) == 1


def test_each_item_is_one_event_that_says_nothing_of_it(
    api: Api, item_pipe: Pipe, dynamodb: str, streamed: str
) -> None:
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

    events = published(item_pipe, read(dynamodb, streamed))

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
    api: Api, item_pipe: Pipe, dynamodb: str, streamed: str
) -> None:
    body = a_body(conversationId="again", defaultTimelineItems=[a_message(id="1")])
    api(body)
    let_expire(dynamodb, streamed, scan(dynamodb, streamed, "CONVERSATION#"))
    api(body)

    events = published(item_pipe, read(dynamodb, streamed))

    # Two creations, and one change of `ttl`, which nothing but this test makes.
    assert [event["id"] for event in events] == ["1", "1", "1"]


@pytest.mark.parametrize("name", sorted(pipes()))
def test_nothing_but_conversations_and_their_items_is_published(name: str, dynamodb: str, streamed: str) -> None:
    # The demo data: websites and keys.
    records = read(dynamodb, streamed)

    assert records
    assert published(pipes()[name], records) == []


def test_the_pages_show_the_fields_that_are_published(pipe: Pipe, item_pipe: Pipe) -> None:
    published_fields = [re.findall(r'"(\w+)": ', one["TargetParameters"]["InputTemplate"]) for one in (pipe, item_pipe)]
    examples = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.DOTALL)
    runbook = (ROOT / "docs" / "operate.md").read_text()
    sent_again = [
        json.loads(re.findall(rf"^{name} = (.*)$", runbook, re.MULTILINE)[0]) for name in ("CONVERSATION", "ITEM")
    ]

    assert [list(json.loads(example)) for example in examples] == published_fields
    # The only number is added apart from the texts.
    assert [set(fields) for fields in sent_again] == [set(fields) - {"itemCount"} for fields in published_fields]


def test_the_bus_learns_whose_events_they_are(pipe: Pipe, item_pipe: Pipe) -> None:
    assert [one["TargetParameters"]["EventBridgeEventBusParameters"] for one in (pipe, item_pipe)] == [
        {"Source": "conversations", "DetailType": "conversation.created"},
        {"Source": "conversations", "DetailType": "timeline_item.created"},
    ]
