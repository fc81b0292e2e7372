"""The write loop: decide on an update of a conversation, write it, and decide again if another write came first.

All rules that open, continue or change a conversation share it. A rule gets the stored state and returns an update, or
that there is nothing to write. It is called until its update is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from support.caller import Caller, find
from support.deadlines import Deadline
from support.dynamodb.actions import Conflicted
from support.errors import not_found
from support.store.conversations import Lost, Removal, Stored
from support.store.stores import Stores
from support.values.api_key import KeyType
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Update(Generic[Result]):
    """The update of a conversation, with the items to add, and the result once it is written.

    `before` is the stored conversation, None to open one. `unchanged` are attributes that must not have changed when it
    is written: by default the whole conversation, since a result that shows it must be a state that it really had.
    `opened_by` and `removed`: see `ConversationStore.write`.
    """

    before: Conversation | None
    after: Conversation
    result: Result
    items: Sequence[TimelineItem] = ()
    unchanged: Sequence[str] = ("version",)
    opened_by: KeyType | None = None
    removed: Removal | None = None


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """Nothing is to be written; `result` is the result."""

    result: Result


def write(
    stores: Stores,
    stored: Stored | None,
    decide: Callable[[Stored | None], Update[Result] | Done[Result]],
    deadline: Deadline,
) -> Result:
    """Write the update that `decide` returns, and return its result.

    Parameters
    ----------
    stored
        The conversation and the relevant items, as far as they are known; None if there is no conversation.
    decide
        Returns an update, or `Done`, for the stored state; raises to refuse. It is called again, with the new state,
        whenever its update is lost to another write.

    Raises what `decide` raises, `ItemTooLarge`, or `Refusal` (UNAVAILABLE) when the time is over: then, if the database
    did not respond, the update may still have been written.
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
                opened_by=decision.opened_by,
                removed=decision.removed,
            )
        except Conflicted:
            deadline.back_off(attempt)
        except Lost as lost:
            stored = None if lost.stored is None else lost.stored.merged_with(stored)
            # Always the shortest wait: the known state goes stale.
            deadline.back_off(0)
        else:
            return decision.result
    raise AssertionError("count() does not end")


def find_again(caller: Caller, conversation: Conversation, stores: Stores, *item_ids: str) -> Stored:
    """Read the current state of a conversation, with those of the given items that exist.

    Raises `Refusal`: HTTP_404 if it has expired, even if a new one has its id by now; or UNAVAILABLE.
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
    """Write the update of an existing conversation, as `write` does.

    Raises `Refusal` (HTTP_404) if the conversation has expired, even if a new one has its id by now: the update was
    not meant for that one.
    """

    def decide_if_accessible(found: Stored | None) -> Update[Result] | Done[Result]:
        return decide(_require_same(stored.conversation, caller.require_access(found)))

    return write(stores, stored, decide_if_accessible, caller.deadline)
