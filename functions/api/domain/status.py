"""Status: resolving a conversation, reopening it, and marking it as spam or not."""

from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

from support.caller import Caller, find
from support.errors import Code, ConversationFull, Refusal
from support.store.conversations import Stored
from support.store.stores import Stores
from support.values.conversation import Status, status_for
from support.values.parts import EventType, Part

from api.domain.conversations import Changed
from api.domain.events import new_event
from api.domain.writing import Done, Update, change, find_again

Verb = Literal["resolve", "reopen", "spam", "not-spam"]


class _Transition(NamedTuple):
    """The statuses that a verb applies to, the resulting one, and the type of its event."""

    before: frozenset[Status]
    after: Status
    event: EventType


TRANSITIONS: dict[Verb, _Transition] = {
    "resolve": _Transition(frozenset({"open"}), "resolved", "resolved"),
    "reopen": _Transition(frozenset({"resolved"}), "open", "reopened"),
    "spam": _Transition(frozenset({"open", "resolved"}), "spam", "status_changed"),
    "not-spam": _Transition(frozenset({"spam"}), "open", "status_changed"),
}


def change_status(caller: Caller, conversation_id: str, verb: Verb, actor: str | None, stores: Stores) -> Changed:
    """Change the status of a conversation, and add an event that says who did so.

    `actor` is the acting team member, if one is named.

    Raises `Refusal`: HTTP_404, STATUS_CONFLICT or UNAVAILABLE.
    """
    transition = TRANSITIONS[verb]
    part: Part = {
        "type": "event",
        "eventType": transition.event,
        "actorUserId": actor,
        "actorAiAgentId": None,
        "targetUserId": None,
        "targetAiAgentId": None,
    }

    def decide(stored: Stored, *, with_event: bool) -> Update[Changed] | Done[Changed]:
        before = stored.conversation
        if before.status == transition.after:
            return Done(Changed(before, replayed=True))
        if before.status not in transition.before:
            raise Refusal(
                Code.STATUS_CONFLICT,
                f"'{verb}' is not possible: this conversation has the status '{before.status}'.",
            )
        items = [new_event(caller, before, part, user_id=actor)] if with_event else []
        # Visitors take a spam conversation for a resolved one.
        visible = status_for(before.status, "public") != status_for(transition.after, "public")
        after = replace(before, status=transition.after).after_update(items, visible_to_visitor=visible, acted_by=actor)
        return Update(before, after, Changed(after, replayed=False), items)

    stored = find(caller, conversation_id, stores)
    try:
        return change(caller, stored, stores, partial(decide, with_event=True))
    except ConversationFull:
        # Without the event: otherwise a full conversation would stay in the inbox forever.
        stored = find_again(caller, stored.conversation, stores)
        return change(caller, stored, stores, partial(decide, with_event=False))
