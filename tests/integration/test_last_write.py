"""The conversation's row says what its last write added and who made it, for those who read the stream."""

from typing import Any

from support.values.conversation import CONVERSATION_SK, conversation_pk

from tests.builders import WEBSITE, a_body, a_message
from tests.calls import ID, change, open_one, patch, rate, see, send, user, visitor
from tests.client import Api, Stored, api_over
from tests.operators import hooked
from tests.stored import Storage


def last_write(stored: Stored) -> tuple[Any, object]:
    """Return the items that the last write added, and the team member who made it."""
    [row] = [item for item in stored() if item["SK"] == CONVERSATION_SK]
    return row.get("wrote"), row.get("actedBy")


def test_an_opening_names_no_items(api: Api, stored: Stored) -> None:
    open_one(api, a_message(id="1"), a_message(id="2"))

    assert last_write(stored) == (None, None)


def test_a_message_is_named_alone(api: Api, stored: Stored) -> None:
    open_one(api, a_message(id="1"))

    send(api, id="2", text="Hi")
    send(api, visitor(), id="3", text="Hi")

    assert last_write(stored) == (["3"], None)


def test_appended_items_are_named_in_their_order(api: Api, stored: Stored) -> None:
    open_one(api, a_message(id="1"))

    api(a_body(conversationId=ID, defaultTimelineItems=[a_message(id=id_) for id_ in ("1", "9", "2")]))

    assert last_write(stored) == (["9", "2"], None)


def test_ninety_nine_ids_as_long_as_ids_may_be_take_under_seven_kilobytes(api: Api, stored: Stored) -> None:
    open_one(api)
    ids = [f"{number:064}" for number in range(99)]

    assert api(a_body(conversationId=ID, defaultTimelineItems=[a_message(id=id_) for id_ in ids])).status == 200

    written, _ = last_write(stored)
    assert written == ids
    assert len("wrote") + 3 + sum(1 + len(id_) for id_ in ids) < 7_000


def test_the_acting_team_member_is_named(api: Api, stored: Stored) -> None:
    open_one(api)

    send(api, user("user-1"), id="1", text="Hi")
    assert last_write(stored) == (["1"], "user-1")
    patch(api, {"title": "T"}, headers=user("user-2"))
    assert last_write(stored) == (None, "user-2")
    change(api, "resolve", user("user-3"))
    written, actor = last_write(stored)
    assert (len(written), actor) == (1, "user-3")


def test_nobody_is_named_who_did_not_act_in_the_last_write(api: Api, stored: Stored) -> None:
    open_one(api)
    change(api, "resolve", user("user-1"))

    assert rate(api, visitor(), rating=5).status == 200

    written, actor = last_write(stored)
    assert (len(written), actor) == (1, None)


def test_a_read_receipt_leaves_both_alone(api: Api, stored: Stored) -> None:
    open_one(api)
    send(api, user("user-1"), id="1", text="Hi")

    see(api, visitor())

    assert last_write(stored) == (["1"], "user-1")


def test_what_another_write_said_that_came_between_is_gone(api: Api, storage: Storage, stored: Stored) -> None:
    """One of an instance whose clock is behind stands in no other's way."""
    open_one(api)
    row = conversation_pk(WEBSITE, "test", ID), CONVERSATION_SK
    slow = api_over(hooked(storage.table(), {1: lambda: storage.change(row, actedBy="user-1")}))

    send(slow, visitor(), id="second", text="Hi")

    assert last_write(stored) == (["second"], None)
