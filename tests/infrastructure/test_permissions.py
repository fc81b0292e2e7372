"""The permissions of each function, against what it asks of the table."""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from api.routes import contacts, feedback, removals, visitors
from check.loop import play
from erasing.operations import Erasures
from operators.app import create_handler
from operators.events import ERASURES
from support.deadlines import Deadline
from support.delivery import Outcome
from support.dynamodb.items import marshal
from support.dynamodb.responses import ErrorResponse, Members
from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.store.erasure import ErasureStore

from local.dynamodb import connect
from local.stages import expand
from local.template import TEMPLATE, resolve
from tests.builders import EVENTS, PRIVATE_KEY, VISITOR, WEBSITE, Context, a_body, a_message, private, public
from tests.checking import through
from tests.client import api_over
from tests.contract.examples import succeed
from tests.iam import ACCOUNT, CONNECTIONS, Call, allowed, calls, deployed, policies, role_of, table_arn
from tests.live import Live, a_farewell, as_visitor
from tests.operators import a_key, a_website, operators_over
from tests.scripted import before


@dataclass
class Watched:
    """The tables, and each call that was made of them."""

    table: Table
    connections: Table
    calls: set[Call] = field(default_factory=set)

    def watch(self, table: Table) -> None:
        """Note each call of a table."""
        send = table._database.call

        def watch(operation: str, request: bytes) -> Members:
            self.calls.update(calls(operation, json.loads(request)))
            try:
                return send(operation, request)
            except ErrorResponse as error:
                # Leave out the items that stood in the way, as DynamoDB may.
                for reason in error.members.get("CancellationReasons", []):
                    reason.pop("Item", None)
                raise

        table._database.call = watch  # type: ignore[method-assign]


@pytest.fixture
def watched(seeded_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    # However busy this machine is, those who are connected are told.
    monkeypatch.setattr("support.typing_signals._WORTH_SECONDS", 60)
    database = connect(os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
    names = ("AttributeDefinitions", "BillingMode", "KeySchema")
    definition = resolve(expand(TEMPLATE.read_text()), {"Stage": "prod"})["Resources"]["ConnectionsTable"]["Properties"]
    database.create_table(TableName=CONNECTIONS, **{name: definition[name] for name in names})
    found = Watched(Table(seeded_table, timeout_seconds=60), Table(CONNECTIONS, timeout_seconds=60))
    found.watch(found.table)
    found.watch(found.connections)
    yield found
    database.delete_table(TableName=CONNECTIONS)


def _policies(function: str, table: str) -> list[dict[str, Any]]:
    resources = resolve(expand(TEMPLATE.read_text()), {"Stage": "prod"})["Resources"]
    documents: list[dict[str, Any]] = deployed(policies(resources, role_of(resources, function)), table)
    return documents


def _table_statements(documents: list[dict[str, Any]]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Give the resource and the actions of each statement on the table, and the partition keys' patterns it allows."""
    for statement in (statement for document in documents for statement in document["Statement"]):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if any(action.startswith("dynamodb:") for action in actions):
            patterns = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            yield statement["Resource"], actions, patterns


def a_live(watched: Watched) -> Live:
    """Return what tells those who are connected: a visitor and one of the team, who are gone."""
    unwatched = Live(Table(watched.table.name, timeout_seconds=60), Table(CONNECTIONS, timeout_seconds=60))
    unwatched.opened("visitor", as_visitor("01JDEM0V1S1T0R000000000000"))
    unwatched.opened("team", {"token": PRIVATE_KEY, "actorUserId": "user-2"}, {})
    # A minute later, so that they are forgotten.
    live = Live(watched.table, watched.connections, clock=lambda: time.time() + 61)
    for connection_id in ("visitor", "team"):
        live.gateway.script[connection_id].append(Outcome.GONE)
    return live


def be_connected(watched: Watched) -> None:
    """Connect, be welcomed, say that somebody types to some who are gone, and leave."""
    opened = api_over(Table(watched.table.name, timeout_seconds=60))
    assert opened(a_body(conversationId="c", defaultTimelineItems=[a_message()]), private()).status == 200
    live = a_live(watched)
    live.limiter = RateLimiter(watched.table, 10, counted="SOCKETS")
    live.handler = live.create_handler()
    for connection_id, query, headers in (
        ("c1", as_visitor(), None),
        ("c2", {"token": PRIVATE_KEY, "actorUserId": "user-1"}, {}),
    ):
        assert live.connect(connection_id, query, headers) == 200
    live.welcome()
    for connection_id in ("c1", "c2"):
        assert live.type(connection_id, "c") is None
        live.call(a_farewell(connection_id))


def open_conversations(watched: Watched) -> None:
    """Take every way that leads to the table: each route, replayed, appended, limited, in the way of what is left."""
    live = a_live(watched)
    api = api_over(watched.table, rate_limit=1)
    succeed(api_over(watched.table, connect=lambda: live.signals))
    items = [a_message(id=f"item-{n}") for n in range(2)]
    for sent in (items[:1], items, items[:1]):
        assert api(a_body(conversationId="a", defaultTimelineItems=sent), private()).status == 200
    assert api(a_body(), public()).status == 200
    pk = f"CONVERSATION#{WEBSITE}#test#orphan"
    left_over = marshal({"PK": pk, "SK": "ITEM#item-0", "form": 1, "createdAt": "", "position": 0, "content": "{}"})
    connect(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]).put_item(TableName=watched.table.name, Item=left_over)
    api(a_body(conversationId="orphan", defaultTimelineItems=items), private())


def operate(watched: Watched) -> None:
    """Take every action, with a change that comes in between and more keys than one transaction holds."""
    operators = operators_over(watched.table)
    unwatched = Table(watched.table.name, timeout_seconds=60)
    shown = json.loads((EVENTS / "operators" / "get_conversation.json").read_text())["conversationId"]
    opened = api_over(unwatched)(a_body(conversationId=shown, defaultTimelineItems=[a_message()]), private())
    assert opened.status == 200
    for path in sorted((EVENTS / "operators").glob("*.json")):
        operators(event=json.loads(path.read_text()))
    event = json.loads((EVENTS / "operators" / "export_visitor.json").read_text())
    api_over(unwatched)(a_body(conversationId=shown, visitorId=VISITOR, defaultTimelineItems=[a_message()]), private())
    while (page := operators(event=event))["nextCursor"]:
        event |= {"cursor": page["nextCursor"]}
    website_id = a_website(operators)
    for _ in range(50):
        a_key(operators, website_id)
    another = operators_over(unwatched)
    changes = iter(["b.com"])

    def come_first() -> None:
        for origin in changes:
            another("update_allowed_origins", websiteId=website_id, add=[origin])

    before(watched.table, "TransactWriteItems", come_first)
    operators("update_allowed_origins", websiteId=website_id, add=["a.com"])


def erase(watched: Watched) -> None:
    """Delete a conversation with its items, and all of a visitor who has a contact and is blocked or not."""
    unwatched = Table(watched.table.name, timeout_seconds=60)
    api, erasures = api_over(unwatched), ErasureStore(watched.table)
    assert api(a_body(conversationId="c", defaultTimelineItems=[a_message()]), private()).status == 200
    assert api(None, private(), route=removals.CONVERSATION, conversationId="c").status == 202
    assert erasures.finish(f"CONVERSATION#{WEBSITE}#test#c", Deadline.after(60)) == (2, True)
    clock = itertools.count(1_800_000_000, 1_000)
    run = create_handler(Erasures(watched.table, lambda: next(clock)), ERASURES)
    event = json.loads((EVENTS / "erasing" / "erase_visitor.json").read_text())
    visitor = {"x-visitor-id": VISITOR, **public()}
    for blocked in (False, True):
        api(a_body(conversationId="c", visitorId=VISITOR, defaultTimelineItems=[a_message()]), private())
        api({"email": "a@example.com"}, visitor, route=contacts.IDENTIFY)
        if blocked:
            api(None, private(), route=visitors.BLOCK, visitorId=VISITOR)
        while not run(event, Context())["done"]:
            erasures.finish(f"CONVERSATION#{WEBSITE}#test#c", Deadline.after(60))
    api(a_body(conversationId="c", visitorId=VISITOR, defaultTimelineItems=[a_message()]), private())
    api({"rating": 1}, visitor, route=feedback.GIVE)
    operators_over(unwatched)("delete_website", websiteId=WEBSITE, force=True)
    event = {"action": "erase_website", "websiteId": WEBSITE}
    while not (result := run(event, Context()))["done"]:
        event = result["then"]


@pytest.mark.parametrize(
    ("function", "use"),
    [
        ("ConversationsFunction", open_conversations),
        ("OperatorsFunction", operate),
        ("SocketsFunction", be_connected),
        ("ErasingFunction", erase),
    ],
)
def test_a_function_may_do_only_what_it_does(watched: Watched, function: str, use: Callable[[Watched], None]) -> None:
    documents = _policies(function, watched.table.name)

    use(watched)

    made = sorted(watched.calls, key=str)
    answers = allowed(documents, made)
    assert [call for call, response in zip(made, answers, strict=True) if not response] == []
    for resource, actions, patterns in _table_statements(documents):
        used = {
            (call.action, pattern)
            for call in made
            for pattern in patterns
            if (call.resource, call.action in actions) == (resource, True)
            and any(fnmatchcase(key, pattern) for key in call.leading_keys)
        }
        assert ({action for action, _ in used}, {pattern for _, pattern in used}) == (set(actions), set(patterns))


def test_a_release_that_lacks_a_permission_to_query_is_found_by_the_check(watched: Watched) -> None:
    documents = _policies("ConversationsFunction", watched.table.name)
    queries = {
        statement["Sid"]
        for document in documents
        for statement in document["Statement"]
        if statement["Action"] == "dynamodb:Query" and statement["Sid"] != "FindConnections"
    }
    assert queries == {"ReadReceiptsAndFindContacts", "ReadTimelines", "ListConversations", "ListInboxAndFeedback"}

    play(through(watched.table), PRIVATE_KEY)

    made = sorted(watched.calls, key=str)
    assert all(allowed(documents, made))
    for sid in queries:
        without = [
            {**document, "Statement": [one for one in document["Statement"] if one["Sid"] != sid]}
            for document in documents
        ]
        assert not all(allowed(without, made)), sid
    # What it writes is left to the retention.
    assert not [call for call in made if "Delete" in call.action or "BatchWrite" in call.action]


def test_the_checks_have_their_key_alone_and_the_hook_new_versions_as_well() -> None:
    of = f"arn:aws:{{}}:us-east-1:{ACCOUNT}:{{}}".format
    asked = [
        Call("ssm:GetParameter", of("ssm", "parameter/conversations/check-key")),
        Call("lambda:InvokeFunction", of("lambda", "function:ConversationsFunction:7")),
        Call("lambda:InvokeFunction", of("lambda", "function:SocketsFunction:7")),
        # What neither may.
        Call("ssm:GetParameter", of("ssm", "parameter/conversations/another-key")),
        Call("ssm:PutParameter", of("ssm", "parameter/conversations/check-key")),
        Call("lambda:InvokeFunction", of("lambda", "function:OperatorsFunction:7")),
        Call("lambda:UpdateFunctionCode", of("lambda", "function:ConversationsFunction")),
        Call("dynamodb:GetItem", table_arn("own"), ("APIKEY#1",)),
        Call("dynamodb:DeleteItem", table_arn("own"), ("CONVERSATION#1",)),
    ]

    assert allowed(_policies("ReleaseCheckFunction", "own"), asked) == [True] * 3 + [False] * 6
    assert allowed(_policies("PublicCheckFunction", "own"), asked) == [True] + [False] * 8


def test_the_hook_reports_on_the_two_releases_alone() -> None:
    """Not asked of the simulator, for which this action has no resource; CodeDeploy's own has."""
    [statement] = [
        statement
        for document in _policies("ReleaseCheckFunction", "own")
        for statement in document["Statement"]
        if statement["Sid"] == "ReportToCodeDeploy"
    ]

    group = f"arn:aws:codedeploy:us-east-1:{ACCOUNT}:deploymentgroup:ServerlessDeploymentApplication"
    assert statement["Resource"] == [f"{group}/{name}FunctionDeploymentGroup" for name in ("Conversations", "Sockets")]


@pytest.mark.parametrize(
    "function", ["ConversationsFunction", "OperatorsFunction", "SocketsFunction", "ErasingFunction"]
)
def test_a_function_reaches_its_partitions_of_its_table_alone(function: str) -> None:
    documents = _policies(function, "own")
    inside = [
        Call(action, resource, (pattern.replace("*", "1"),))
        for resource, actions, patterns in _table_statements(documents)
        for action in actions
        for pattern in patterns
    ]
    outside = [
        other
        for call in inside
        for other in (
            replace(call, resource=call.resource.replace(table_arn("own"), table_arn("other"))),
            replace(call, resource=f"{table_arn('own')}/index/another"),
            # What an index shows is asked of that index alone.
            replace(call, resource=table_arn("own")),
            replace(call, leading_keys=("CUSTOMERS#1",)),
            replace(call, leading_keys=(*call.leading_keys, "CUSTOMERS#1")),
            replace(call, leading_keys=()),
        )
        if other not in inside
    ]

    assert allowed(documents, [*inside, *outside]) == [True] * len(inside) + [False] * len(outside)
