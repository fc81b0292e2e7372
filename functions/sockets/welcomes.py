"""What a client is sent right after it has connected: that it is, and what a visitor may have missed before.

Clients read nothing again after a break. Finding the conversations that changed last takes a query and up to 100 read
units, and each of them with something new up to three calls and some 3.5 units; the limit of handshakes bounds it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from support.deadlines import Deadline
from support.delivery import POST_SECONDS, Delivery, Gateway, Outcome
from support.errors import Refusal
from support.frames import (
    Frame,
    connection_established,
    conversation_created,
    conversation_updated,
    encode,
    timeline_item_created,
)
from support.store.connections import Connections
from support.store.stores import Stores
from support.values.connection import Connection
from support.values.conversation import Conversation, status_for
from support.values.timeline_item import TimelineItem, reference_time
from support.values.timestamps import from_epoch

#: Of how many conversations, those that changed last, a visitor is told what they may have missed.
_CONVERSATIONS = 6
#: How many items of each, the newest ones.
_ITEMS = 50
#: What happened in these last seconds is told though it was seen: perhaps it was seen elsewhere.
_RECENT_SECONDS = 600
#: How many seconds are left for the conversations themselves: calls and posts begin only while there is one.
_LAST_SECONDS = 1.5


class Welcomes:
    """Welcomes clients.

    Parameters
    ----------
    clock
        Epoch seconds.
    """

    def __init__(
        self,
        gateway: Gateway,
        connections: Connections,
        stores: Stores,
        delivery: Delivery,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gateway = gateway
        self._connections = connections
        self._stores = stores
        self._delivery = delivery
        self._clock = clock

    def welcome(self, connection_id: str, deadline: Deadline) -> None:
        """Tell a client that it is connected, and a visitor what they may have missed.

        Raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline.
        """
        connection = self._connections.find(connection_id, deadline)
        if connection is None or not self._is_reached(connection, deadline):
            return
        if connection.visitor_id is not None:
            changed = self._changed(connection, connection.visitor_id, deadline)
            self._deliver(connection, self._missed(changed, deadline), Deadline(deadline.at - _LAST_SECONDS))
            self._deliver(connection, self._as_they_are_now(changed, deadline), deadline)

    def _deliver(self, connection: Connection, frames: Iterable[Frame], deadline: Deadline) -> None:
        self._delivery.deliver([(connection, encode(frame)) for frame in frames], deadline)

    def _is_reached(self, connection: Connection, deadline: Deadline) -> bool:
        """Tell whether a client gets what comes first.

        Until its handshake has been answered, it seems to be gone. One that is gone has no record any more.
        """
        message = encode(connection_established(connection, int(self._clock() * 1000)))
        attempt = 0
        while (outcome := self._gateway.post(connection.id, message)) in {Outcome.GONE, Outcome.BUSY}:
            if outcome is Outcome.GONE and self._has_left(connection.id, deadline):
                return False
            try:
                deadline.back_off(attempt)
                deadline.require(POST_SECONDS)
            except Refusal:
                return False
            attempt += 1
        return True

    def _has_left(self, connection_id: str, deadline: Deadline) -> bool:
        try:
            return self._connections.find(connection_id, deadline) is None
        except Refusal:
            return False

    def _changed(self, connection: Connection, visitor_id: str, deadline: Deadline) -> list[Conversation]:
        found = self._stores.conversations.read_newest(connection.website_id, connection.mode, visitor_id, deadline)
        found.sort(key=lambda one: (one.public_updated_at, one.id))
        return [one for one in found[-_CONVERSATIONS:] if one.public_updated_at > self._since(one)]

    def _missed(self, changed: Iterable[Conversation], deadline: Deadline) -> Iterator[Frame]:
        for conversation in changed:
            if conversation.status != "open":
                yield conversation_updated(conversation, {"status": status_for(conversation.status, "public")}, None)
            for item in self._missed_items(conversation, self._since(conversation), deadline):
                yield timeline_item_created(conversation, item, item.user_id)

    def _as_they_are_now(self, changed: Sequence[Conversation], deadline: Deadline) -> Iterator[Frame]:
        """Give the conversations, read again: to send many items takes seconds, and the feed tells of what happens."""
        if not changed:
            return
        now = self._stores.conversations.read_many((one.pk for one in changed), deadline)
        last_messages = self._stores.timelines.read_last_messages(now.values(), "public", deadline)
        for before in changed:
            conversation = now.get(before.pk)
            if conversation is not None and conversation.incarnation == before.incarnation:
                last = last_messages.get(conversation.pk)
                shown = None if last is None or last.is_removed else last
                yield conversation_created(conversation, shown, "public", None)

    def _since(self, conversation: Conversation) -> str:
        """Return the time after which a visitor may have missed something of a conversation."""
        return min(conversation.visitor_last_seen_at or "", from_epoch(self._clock() - _RECENT_SECONDS))

    def _missed_items(self, conversation: Conversation, since: str, deadline: Deadline) -> list[TimelineItem]:
        last = conversation.last_public_item
        if last is None or reference_time(last) <= since:
            return []
        return self._stores.timelines.read_page(conversation, "public", _ITEMS, deadline, since=since).items
