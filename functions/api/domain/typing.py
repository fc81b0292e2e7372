"""Typing: telling those who are connected. Nothing is stored."""

from support.caller import Caller, find
from support.errors import visitor_blocked
from support.store.stores import Stores
from support.typing_signals import TypingSignals, passed_on_preview

from api.http.requests.typing import TypingRequest


def signal_typing(
    caller: Caller,
    conversation_id: str,
    typing: TypingRequest,
    user_id: str | None,
    stores: Stores,
    signals: TypingSignals | None,
) -> str | None:
    """Tell that somebody types in a conversation, and return what is passed on of the text that is not sent yet.

    `user_id` names the team member who types; None is the visitor. Without `signals` nobody is told.

    Raises `Refusal`: HTTP_404, VISITOR_BLOCKED or UNAVAILABLE. It is no error where it reaches nobody.
    """
    found = find(caller, conversation_id, stores, looks_at_gate=True)
    if found.visitor_blocked:
        raise visitor_blocked()
    preview = passed_on_preview(caller.key, typing.is_typing, typing.visitor_preview)
    if signals is not None:
        signals.send(found.conversation, user_id, typing.is_typing, preview, caller.deadline)
    return preview
