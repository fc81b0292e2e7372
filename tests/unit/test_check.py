"""The conversation that is played to check the API, against the API's own handler."""

from collections.abc import Mapping
from typing import Any

import pytest
from check.loop import Call, CheckFailedError, play
from support.deadlines import Deadline
from support.dynamodb.faults import InvalidRequest
from support.dynamodb.items import Item
from support.dynamodb.table import Index

from tests import demo
from tests.builders import PRIVATE_KEY
from tests.checking import through
from tests.fakes import FakeTable


def not_at_all(_seconds: float) -> None:
    """Do not wait."""


def failure(call: Call) -> str:
    """Return what the check says of an API."""
    with pytest.raises(CheckFailedError) as failed:
        play(call, PRIVATE_KEY, sleep=not_at_all)
    return str(failed.value)


def test_an_api_that_works_passes_with_one_conversation_of_a_new_visitor_each_time(fake_table: FakeTable) -> None:
    heard: list[tuple[str, str]] = []
    for _ in range(2):
        play(through(fake_table), PRIVATE_KEY, lambda *named: heard.append(named))

    conversations = [item for item in fake_table.conversation_items() if item["SK"] == "CONVERSATION"]
    assert [(str(one["PK"]).rpartition("#")[2], "answer") for one in conversations] == heard
    assert len({one["visitorId"] for one in conversations}) == 2
    # By the retention of test keys, which is all that ends them.
    assert all("#test#" in str(item["PK"]) and "ttl" in item for item in fake_table.conversation_items())


@pytest.mark.parametrize("forbidden", ["timeline", "visitor", "inbox"])
def test_an_api_that_may_not_query_one_of_its_indexes_fails(forbidden: str) -> None:
    class Forbidden(FakeTable):
        def query(self, index: Index, *args: Any, **named: Any) -> list[Item]:
            if index.name == forbidden:
                raise InvalidRequest("AccessDeniedException")
            return super().query(index, *args, **named)

    step = {"timeline": "read the page", "visitor": "list the visitor's", "inbox": "read the inbox"}[forbidden]
    assert failure(through(Forbidden(demo.items()))).startswith(f"{step}: the response was 5")


@pytest.mark.parametrize("kind", ["Insert", "Change"])
def test_an_api_that_may_not_write_fails(kind: str) -> None:
    class Forbidden(FakeTable):
        def transact(self, actions: Any, deadline: Deadline, **named: Any) -> None:
            if any(type(action).__name__ == kind for action in actions):
                raise InvalidRequest("AccessDeniedException")
            super().transact(actions, deadline, **named)

    assert "the response was 5" in failure(through(Forbidden(demo.items())))


class Broken:
    """An API that works, until its request of a number: that one, and its repetitions, get a response or an error."""

    def __init__(self, number: int, response: Any) -> None:
        self.works = through(FakeTable(demo.items()))
        self.left = number
        self.response = response
        self.broken: tuple[str, str] | None = None

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: object) -> tuple[int, Any]:
        if not self.left:
            self.broken = method, path
        self.left -= 1
        # An index is looked at again and again.
        if (method, path) != self.broken:
            return self.works(method, path, headers, body)
        if isinstance(self.response, Exception):
            raise self.response
        return self.response  # type: ignore[no-any-return]


#: The steps of the check, one for each request.
STEPS = [
    *("open", "open", "send", "read the page", "list the visitor's", "read the inbox", "get"),
    *("mark as seen", "mark as seen", "resolve", "resolve", "remove", "remove"),
]


@pytest.mark.parametrize(
    "response",
    [
        (503, {"code": "UNAVAILABLE"}),
        (502, None),
        (200, {}),
        (200, {"conversations": [], "items": [], "seenData": [], "conversation": {}, "item": {}}),
        TimeoutError("canary"),
    ],
    ids=["busy", "behind a page of a proxy", "nonsense", "nothing", "silent"],
)
def test_any_request_that_fails_fails_the_check_and_is_named_by_its_step(response: Any) -> None:
    said = [failure(Broken(number, response)) for number in range(len(STEPS))]

    assert [line.partition(": ")[0] for line in said] == STEPS
    assert "canary" not in "".join(said)


def test_an_index_that_is_late_is_waited_for(fake_table: FakeTable) -> None:
    works, late = through(fake_table), {"/v1/conversations": 2, "/v1/conversations/inbox": 3}
    waited: list[float] = []

    def call(method: str, path: str, headers: Mapping[str, str], body: object) -> tuple[int, Any]:
        if method == "GET" and late.get(path):
            late[path] -= 1
            return 200, {"conversations": [], "items": []}
        return works(method, path, headers, body)

    play(call, PRIVATE_KEY, sleep=waited.append)

    assert len(waited) == 5
    assert sum(waited) < 5


def test_an_answer_that_no_client_is_told_of_fails_the_check(fake_table: FakeTable) -> None:
    def hear(_conversation: str, _item: str) -> None:
        raise CheckFailedError("nothing came")

    with pytest.raises(CheckFailedError, match=r"^hear: nothing came$"):
        play(through(fake_table), PRIVATE_KEY, hear)


def test_a_failure_says_nothing_of_what_was_sent() -> None:
    sent: list[str] = []

    def call(_method: str, path: str, headers: Mapping[str, str], body: object) -> tuple[int, Any]:
        sent.extend([path.rpartition("/")[2], headers["x-visitor-id"], PRIVATE_KEY, str(body)])
        return 401, {"code": "INVALID_API_KEY"}

    said = failure(call)

    assert said == "open: the response was 401 INVALID_API_KEY"
    assert [value for value in sent[1:] if value in said] == []
