"""conversation.created: what the pipe makes of the records that the table's stream really holds."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from conversations.table import Table

from local.dynamodb import connect, create_table
from local.stages import expand
from local.template import TEMPLATE, latest
from tests import demo
from tests.builders import ORGANIZATION, SETTINGS, VISITOR, WEBSITE, a_body, a_message, private
from tests.client import Api, api_over

Records = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pipe() -> dict[str, Any]:
    found: dict[str, Any] = expand(TEMPLATE.read_text())["Resources"]["ConversationCreatedPipe"]["Properties"]
    return found


@pytest.fixture
def streamed(dynamodb: str) -> Iterator[str]:
    """A table with the demo data and a stream, as it is where events are published."""
    name = f"conversations-{uuid.uuid4()}"
    definition = expand(TEMPLATE.read_text())["Resources"]["Table"]["Properties"]["StreamSpecification"]["Fn::If"][1]
    create_table(dynamodb, name, latest().table() | {"StreamSpecification": {"StreamEnabled": True, **definition}})
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
    """Tell whether an event pattern of exact values holds (EventBridge User Guide, "Event patterns")."""
    if isinstance(pattern, list):
        return value in pattern
    return isinstance(value, dict) and all(matches(wanted, value.get(name)) for name, wanted in pattern.items())


def published(pipe: dict[str, Any], records: Records) -> Records:
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


def test_a_creation_is_one_event_without_words(api: Api, pipe: dict[str, Any], dynamodb: str, streamed: str) -> None:
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
            "visitorId": VISITOR,
            "channel": 'a "quoted" \\ channel\n',
            "itemCount": "2",
            "createdAt": created["createdAt"],
        }
    ]


def test_an_id_used_after_its_end_is_an_event(api: Api, pipe: dict[str, Any], dynamodb: str, streamed: str) -> None:
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


def test_nothing_but_conversations_is_published(pipe: dict[str, Any], dynamodb: str, streamed: str) -> None:
    # The demo data: websites and keys.
    records = read(dynamodb, streamed)

    assert records
    assert published(pipe, records) == []


def test_the_bus_learns_whose_event_it_is(pipe: dict[str, Any]) -> None:
    assert pipe["TargetParameters"]["EventBridgeEventBusParameters"] == {
        "Source": "conversations",
        "DetailType": "conversation.created",
    }
