"""The function that deletes what is stored of erased conversations: what a run does, and what it leaves to the next."""

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from erasing.app import Erasing, Handler, NoProgress, create_handler
from erasing.operations import Erasures
from support.aws.client import Client
from support.aws.services import Queue, Unreachable
from support.deadlines import Deadline, unavailable
from support.dynamodb.items import Item, Key
from support.store.erasure import ErasureStore
from support.values.conversation import Conversation

from tests.builders import Context
from tests.client import Emitted
from tests.fakes import FakeTable
from tests.publishing import ERASURES, REGION, Services
from tests.streams import a_conversation, an_item, an_item_row

ITEMS = [an_item(f"{number:03}", position=number) for number in range(120)]
CONVERSATION = a_conversation().with_items(ITEMS)


class BusyTable(FakeTable):
    """Takes so many calls that delete many, and then is busy. `more` comes before the row itself is deleted."""

    def __init__(self, rows: Sequence[Item], takes: int = 1_000) -> None:
        super().__init__(rows)
        self.takes = takes
        self.more: list[Item] = []

    def delete_many(self, keys: Sequence[Key], deadline: Deadline) -> None:
        if not self.takes:
            raise unavailable()
        self.takes -= 1
        super().delete_many(keys, deadline)


def being_erased(conversation: Conversation = CONVERSATION) -> BusyTable:
    """Return a table with the items of a conversation whose erasure has begun."""
    table = BusyTable([conversation.to_item(), *(an_item_row(item, conversation) for item in ITEMS)])
    assert ErasureStore(table).begin(conversation, Deadline.after(60))
    return table


def erasing_over(table: FakeTable, services: Client) -> Handler:
    """Return the function as Lambda calls it."""
    erasures = ErasureStore(table, pause=lambda _: None)
    return create_handler(Erasing(erasures, Queue(ERASURES, REGION, services)), Erasures(table), stage="local")


def an_event(conversation: Conversation = CONVERSATION) -> dict[str, Any]:
    return {"Records": [{"messageId": "1", "body": json.dumps({"conversationPK": conversation.pk})}]}


@pytest.fixture
def services() -> Services:
    return Services()


def test_a_run_deletes_all_of_a_conversation(services: Services, emitted: Emitted) -> None:
    table = being_erased()

    erasing_over(table, services)(an_event(), Context())

    assert table.items == {}
    assert services.erasures == []
    [measured] = [line for line in emitted() if "_aws" in line]
    assert (measured["Erased"], measured["ErasedItems"], measured["stage"]) == ([1.0], [121.0], "local")


def test_a_run_that_is_cut_short_sends_a_message_for_the_rest(services: Services) -> None:
    table = being_erased()
    table.takes = 3

    erasing_over(table, services)(an_event(), Context())

    assert len(table.items) == 121 - 75
    assert services.erasures == [{"conversationPK": CONVERSATION.pk}]
    table.takes = 1_000
    erasing_over(table, services)(an_event(), Context())
    assert table.items == {}


def test_a_run_without_progress_fails_so_that_its_message_comes_back(services: Services) -> None:
    table = being_erased()
    table.takes = 0

    with pytest.raises(NoProgress):
        erasing_over(table, services)(an_event(), Context())

    with pytest.raises(NoProgress):
        erasing_over(being_erased(), services)(an_event(), Context(remaining_ms=1_000))
    assert services.erasures == []


def test_a_message_for_the_rest_that_the_queue_does_not_take_fails_the_run(services: Services) -> None:
    services.fails("sqs", always=503)
    table = being_erased()
    table.takes = 1

    with pytest.raises(Unreachable):
        erasing_over(table, services)(an_event(), Context())


def test_a_message_that_comes_again_finds_nothing_to_do(services: Services) -> None:
    table = being_erased()
    for _ in range(2):
        erasing_over(table, services)(an_event(), Context())
    assert table.items == {}

    another = a_conversation(incarnation="another").with_items(ITEMS)
    table = BusyTable([another.to_item(), an_item_row(ITEMS[0], another)])
    erasing_over(table, services)(an_event(), Context())
    assert len(table.items) == 2


def test_the_row_is_deleted_only_as_it_was_before_nothing_else_was_found(services: Services) -> None:
    """Another erasure of it has begun anew, and another item stands there."""
    table = being_erased()
    late = {**an_item_row(ITEMS[0]), "SK": "ITEM#late"}
    row_key = CONVERSATION.pk, "CONVERSATION"
    transact, changes = table.transact, iter([True])

    def come_first(*args: Any, **named: Any) -> None:
        if next(changes, False):
            table.items[CONVERSATION.pk, "ITEM#late"] = late
            table.items[row_key] = {**table.items[row_key], "version": 99}
        transact(*args, **named)

    table.transact = come_first  # type: ignore[method-assign]

    erasing_over(table, services)(an_event(), Context())

    assert table.items == {}


def test_an_erasure_whose_response_was_lost_has_begun() -> None:
    """The table's own retry then fails on what the first attempt wrote."""
    table = BusyTable([CONVERSATION.to_item()])
    update = table.update

    def twice(*args: Any) -> None:
        update(*args)
        update(*args)

    table.update = twice  # type: ignore[assignment,method-assign]

    assert ErasureStore(table).begin(CONVERSATION, Deadline.after(60))
    assert not ErasureStore(table).begin(CONVERSATION, Deadline.after(60))


def test_nothing_is_left_in_the_row_but_what_finds_it() -> None:
    table = being_erased(a_conversation(title="secret", metadata={"a": "secret"}, ttl=9_999_999_999))

    row = table.items[CONVERSATION.pk, "CONVERSATION"]

    assert "secret" not in str(row)
    assert not {"ttl", "inboxPK", "inboxSK"} & row.keys()
    assert row["visitorPK"]
    assert (row["erasing"], row["version"]) == (True, CONVERSATION.version + 1)


def test_what_was_listed_is_deleted_soon_or_not_at_all() -> None:
    """Later, it may be what somebody has written anew."""
    table, ends = being_erased(), []
    delete_many = table.delete_many

    def note(keys: Sequence[Key], deadline: Deadline) -> None:
        ends.append(deadline.at - time.monotonic())
        delete_many(keys, deadline)

    table.delete_many = note  # type: ignore[method-assign]

    assert ErasureStore(table, pause=lambda _: None).finish(CONVERSATION.pk, Deadline.after(600)).is_done
    assert ends
    assert max(ends) <= 20
