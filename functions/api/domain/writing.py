"""The write loop: decide what becomes of a conversation, write it, and decide again if another write came first.

There is one, for all that opens, continues or changes a conversation. A rule looks at what is stored and says what to
write, or that there is nothing to write. It is asked until its write gets through.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from support.deadlines import Deadline
from support.dynamodb.actions import Conflicted
from support.errors import not_found
from support.ids import ID
from support.store.conversations import Lost, Stored
from support.store.stores import Stores
from support.values.conversation import Conversation, conversation_pk
from support.values.timeline_item import TimelineItem

from api.domain.caller import Caller

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Update(Generic[Result]):
    """What becomes of a conversation, with the items that this adds, and what the caller gets once it is written.

    `before` is the conversation that was decided about, None to open one. `unchanged` are attributes that must still be
    as they were: all of the conversation where the result shows it, since a response is a state that the conversation
    had. `returns_existing`: see `ConversationStore.write`.
    """

    before: Conversation | None
    after: Conversation
    result: Result
    items: Sequence[TimelineItem] = ()
    unchanged: Sequence[str] = ("version",)
    returns_existing: bool = True


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """Nothing is to be written, and this is what the caller gets."""

    result: Result


def write(
    stores: Stores,
    stored: Stored | None,
    decide: Callable[[Stored | None], Update[Result] | Done[Result]],
    deadline: Deadline,
) -> Result:
    """Write what is decided, and return its result.

    Parameters
    ----------
    stored
        The conversation and those of its items that matter, as far as is known; None if there is no conversation.
    decide
        Decides by what is stored, and raises to refuse. It is asked again whenever its update is lost to another write,
        with what is stored by then.

    Raises what `decide` raises, `ItemTooLarge`, or `Refusal` (UNAVAILABLE) when the time is over. After a silence of
    the database an update may have been written all the same.
    """
    for attempt in count():
        decision = decide(stored)
        if isinstance(decision, Done):
            return decision.result
        try:
            stores.conversations.write(
                decision.before,
                decision.after,
                decision.items,
                deadline,
                unchanged=decision.unchanged,
                returns_existing=decision.returns_existing,
            )
        except Conflicted:
            deadline.back_off(attempt)
        except Lost as lost:
            stored = None if lost.stored is None else lost.stored.merged_with(stored)
            # Always the shortest wait: what is known goes stale.
            deadline.back_off(0)
        else:
            return decision.result
    raise AssertionError("count() does not end")


def find(caller: Caller, conversation_id: str, stores: Stores, *item_ids: str) -> Stored:
    """Find a conversation that the caller may access, with those of these items that it has.

    Raises `Refusal`: HTTP_404, the same whatever the reason, or UNAVAILABLE.
    """
    if re.fullmatch(ID, conversation_id) is None:
        raise not_found()
    pk = conversation_pk(caller.key.website_id, caller.key.mode, conversation_id)
    return caller.require_access(stores.conversations.read(pk, caller.deadline, item_ids))


def find_again(caller: Caller, conversation: Conversation, stores: Stores, *item_ids: str) -> Stored:
    """Find a conversation as it is by now, with those of these items that it has.

    Raises `Refusal`: HTTP_404 if it has ended, though another one has its id by now; or UNAVAILABLE.
    """
    return _require_same(conversation, find(caller, conversation.id, stores, *item_ids))


def _require_same(conversation: Conversation, found: Stored) -> Stored:
    if found.conversation.incarnation != conversation.incarnation:
        raise not_found()
    return found


def change(
    caller: Caller,
    stored: Stored,
    stores: Stores,
    decide: Callable[[Stored], Update[Result] | Done[Result]],
) -> Result:
    """Write what is decided for a conversation that exists, as `write` does.

    Each time that it is looked at, it must be the same conversation: what was meant for one that has ended is not for
    another one that has its id by now, whoever calls. Otherwise this raises `Refusal` (HTTP_404).
    """

    def decide_if_accessible(found: Stored | None) -> Update[Result] | Done[Result]:
        return decide(_require_same(stored.conversation, caller.require_access(found)))

    return write(stores, stored, decide_if_accessible, caller.deadline)
