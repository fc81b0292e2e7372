"""The permissions of feed and publisher, against what they do."""

import json
from typing import Any

import pytest
from support.delivery import Outcome
from support.dynamodb.responses import Members
from support.dynamodb.table import Table

from local.stages import expand
from local.template import PARTITION, REGION, TEMPLATE, resolve
from tests.builders import Context
from tests.iam import ACCOUNT, Call, allowed, calls, deployed, policies, role_of, table_arn
from tests.iam import CONNECTIONS as CONNECTIONS_TABLE
from tests.listening import Clients, a_connection, connect_all, feed_over
from tests.streams import a_batch, a_conversation, an_item

OWN = "conversations-Table-1"
CONNECTIONS = table_arn(CONNECTIONS_TABLE)
STREAM = f"{table_arn(OWN)}/stream/2026"
BUS = f"arn:{PARTITION}:events:{REGION}:{ACCOUNT}:event-bus"
POST = f"arn:{PARTITION}:execute-api:{REGION}:{ACCOUNT}:SocketApi/ws/POST/@connections/1"


def may(function: str, *asked: Call) -> list[bool]:
    """Tell for each call whether a function may make it, where events are published."""
    values = {"Stage": "prod", "EventBusName": "default"}
    resources = resolve(expand(TEMPLATE.read_text()), values)["Resources"]
    return allowed(deployed(policies(resources, role_of(resources, function)), OWN), asked)


def watch(table: Table, resource: str, made: set[Call]) -> Table:
    """Keep each call of a table, as IAM is asked for it."""
    send = table._database.call

    def call(operation: str, request: bytes) -> Members:
        made.update(Call(one.action, resource, one.leading_keys) for one in calls(operation, json.loads(request)))
        return send(operation, request)

    table._database.call = call  # type: ignore[method-assign]
    return table


def test_the_feed_may_do_what_it_does(seeded_table: str) -> None:
    """Tell of an opening, a message and a read receipt, and forget a connection that is gone."""
    made: set[Call] = set()
    table = watch(Table(seeded_table, timeout_seconds=10), table_arn(OWN), made)
    # What has the form of the connections' rows, which is all that IAM looks at, may be in the same table.
    connections = watch(Table(seeded_table, timeout_seconds=10), CONNECTIONS, made)
    clients = Clients()
    connect_all(Table(seeded_table, timeout_seconds=60), a_connection("visitor"), a_connection("team", None))
    clients.fails("visitor", always=Outcome.GONE)
    opened = a_conversation().with_items([an_item()])
    seen = {**opened.item_attributes(), "SK": "SEEN#user#u", "lastSeenAt": opened.created_at, "createdAt": ""}
    batch: list[Any] = [(None, opened.to_item()), (None, seen)]

    assert feed_over(table, connections, clients)(a_batch(batch), Context()) == {"batchItemFailures": []}

    asked = sorted(made, key=str)
    assert {call.action for call in asked} == {
        "dynamodb:BatchGetItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
    }
    assert [call for call, response in zip(asked, may("FeedFunction", *asked), strict=True) if not response] == []


def test_the_feed_may_post_to_connections_of_its_own_stage_alone() -> None:
    manage = "execute-api:ManageConnections"
    others = [
        POST.replace("POST", "GET"),
        POST.replace("POST", "DELETE"),
        POST.replace("/ws/", "/other/"),
        POST.replace("SocketApi", "AnotherApi"),
    ]

    assert may("FeedFunction", Call(manage, POST), *(Call(manage, other) for other in others)) == [True] + [False] * 4


@pytest.mark.parametrize("function", ["FeedFunction", "PublisherFunction"])
def test_a_reader_of_the_stream_may_read_this_stream_alone(function: str) -> None:
    reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    other = f"{table_arn('other')}/stream/2026"

    assert may(function, *(Call(read, STREAM) for read in reads)) == [True] * 3
    assert may(function, *(Call(read, other) for read in reads)) == [False] * 3


def test_the_feed_writes_nothing_and_reads_no_other_partitions() -> None:
    conversation, website = ("CONVERSATION#w#test#c",), ("WEBSITES",)
    refused = [
        Call("dynamodb:PutItem", table_arn(OWN), conversation),
        Call("dynamodb:UpdateItem", table_arn(OWN), conversation),
        Call("dynamodb:DeleteItem", table_arn(OWN), conversation),
        Call("dynamodb:Query", table_arn(OWN), conversation),
        Call("dynamodb:BatchGetItem", table_arn(OWN), website),
        Call("dynamodb:BatchGetItem", table_arn(OWN), ()),
        Call("dynamodb:GetItem", table_arn(OWN), conversation),
        Call("dynamodb:PutItem", CONNECTIONS, ("TEAM#w#test",)),
        Call("events:PutEvents", f"{BUS}/default"),
    ]

    assert may("FeedFunction", *refused) == [False] * len(refused)


def test_the_publisher_may_use_its_bus_and_its_queues_alone() -> None:
    queue, erasures = (
        f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("UnpublishedQueue", "ErasureQueue")
    )
    key = ("CONVERSATION#w#test#c",)
    refused = [
        Call("events:PutEvents", f"{BUS}/other"),
        Call("sqs:SendMessage", queue + "-other"),
        Call("sqs:ReceiveMessage", queue),
        Call("sqs:ReceiveMessage", erasures),
        Call("dynamodb:BatchGetItem", table_arn(OWN), key),
        Call("dynamodb:GetItem", table_arn(OWN), ("APIKEY#1",)),
        Call("dynamodb:Query", CONNECTIONS, ("TEAM#w#test",)),
        Call("execute-api:ManageConnections", POST),
    ]

    taken = [Call("events:PutEvents", f"{BUS}/default"), *(Call("sqs:SendMessage", one) for one in (queue, erasures))]
    assert may("PublisherFunction", *taken) == [True] * len(taken)
    assert may("PublisherFunction", *refused) == [False] * len(refused)
