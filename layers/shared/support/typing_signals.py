"""Typing: from whoever types to those who may see it. Nothing is stored."""

import time

from support.deadlines import Deadline
from support.delivery import Delivery
from support.errors import Refusal
from support.frames import conversation_typing, encode
from support.observability import logger
from support.store.connections import Connections
from support.values.api_key import ApiKey
from support.values.connection import Connection
from support.values.conversation import Conversation

#: For how long it is tried, in seconds: what is older is not true any more.
_WORTH_SECONDS = 4.0


class TypingSignals:
    """Tells those who may see it that somebody types."""

    def __init__(self, connections: Connections, delivery: Delivery) -> None:
        self._connections = connections
        self._delivery = delivery

    def send(
        self,
        conversation: Conversation,
        user_id: str | None,
        is_typing: bool,
        visitor_preview: str | None,
        deadline: Deadline,
    ) -> None:
        """Tell that somebody types in a conversation, or has stopped.

        That the visitor does is told to the team; that one of the team does, to the visitor and to the rest of the
        team. Nothing is raised where it reaches nobody.

        Parameters
        ----------
        user_id
            The team member who types; None is the visitor.
        visitor_preview
            What the visitor has written so far, as `passed_on_preview` returns it.
        """
        deadline = Deadline(min(deadline.at, time.monotonic() + _WORTH_SECONDS))
        message = encode(conversation_typing(conversation, is_typing, visitor_preview, user_id))
        try:
            listeners = self._listeners(conversation, user_id, deadline)
            self._delivery.deliver([(one, message) for one in listeners], deadline)
        except Refusal as refusal:
            logger.warning("typing not delivered", extra={"code": refusal.code})

    def _listeners(self, conversation: Conversation, user_id: str | None, deadline: Deadline) -> list[Connection]:
        website_id, mode = conversation.website_id, conversation.mode
        team = self._connections.of_team(website_id, mode, deadline)
        if user_id is None:
            return team
        visitor = self._connections.of_visitor(website_id, mode, conversation.visitor_id, deadline)
        return [*visitor, *(one for one in team if one.user_id != user_id)]


def passed_on_preview(key: ApiKey, is_typing: bool, visitor_preview: str | None) -> str | None:
    """Return what is passed on of a text that is not sent yet: of a visitor's, if the website wants that, all of it."""
    return visitor_preview if key.type == "public" and is_typing and key.profile.typing_preview else None
