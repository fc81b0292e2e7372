"""From a batch of the stream's records to the connections that listen.

At least once, and in the order of a conversation's writes: a batch that fails is read again from the record that
failed. What a connection does not take in time is given up (see `Delivery`), so that none holds up the others for long.
Where nobody listens, all that a batch costs is a query for each visitor and each team in it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext
from support.deadlines import Deadline
from support.delivery import Delivery
from support.dynamodb.stream import BatchResponse, Record, failed_from, read_records, succeeded
from support.errors import Refusal, unexpected
from support.frames import Frame, encode
from support.observability import Metric, describe, logger, measure, metrics
from support.store.connections import Connections
from support.store.stores import Stores
from support.values.api_key import KeyType
from support.values.connection import Connection
from support.values.conversation import Conversation
from support.values.conversation_write import ConversationWrite

from feed.audience import Audience, Listeners
from feed.happenings import Happening, Identified, TeamSeen, happening_of
from feed.telling import Items, People, frame_of_identified, frame_of_seen, frames_of_write, items_to_read

Handler = Callable[[dict[str, Any], LambdaContext], BatchResponse]

#: A message, and the connection that it is for.
Message = tuple[Connection, bytes]

#: For how long posts to connections are tried, in seconds; what comes behind them waits for as long.
_POSTS_SECONDS = 5
#: How many items are read, and held in memory, at once: as many as one BatchGetItem reads (DynamoDB API Reference).
_MAX_ITEMS = 100


class _Told(NamedTuple):
    """Something to tell, and the record that it was read from."""

    record: Record
    happening: Happening


class _Heard(NamedTuple):
    """Something to tell, of a conversation if it is about one, and who listens to it."""

    record: Record
    happening: Happening
    conversation: Conversation | None
    listeners: Listeners


class _Read(NamedTuple):
    """What was read to be shown: items, and visitors."""

    items: Items
    people: People


class Feed:
    """Tells clients what happens.

    Parameters
    ----------
    stores, connections
        Where what is shown is read, and who listens.
    delivery
        By which it reaches them.
    """

    def __init__(self, stores: Stores, connections: Connections, delivery: Delivery) -> None:
        self._stores = stores
        self._connections = connections
        self._delivery = delivery

    def tell(self, records: Sequence[Record], deadline: Deadline) -> Record | None:
        """Tell of records, and return the first one that has to be read again; None if all are done.

        What can't be read or shown is left out: all that comes behind it, of other websites too, would wait for it for
        a minute, and then be lost with it.
        """
        told = _read(records)
        audience = Audience(self._connections, deadline)
        for portion in _portions(told):
            try:
                self._tell(portion, audience, deadline)
            except Refusal as refusal:
                # The database was busy or silent, or there was no time left.
                logger.warning("feed held", extra={"fault": refusal.code})
                return portion[0].record
        return None

    def _tell(self, portion: Sequence[_Told], audience: Audience, deadline: Deadline) -> None:
        """Tell of records whose items are read at once.

        Raises `Refusal` (UNAVAILABLE) where any of them may have to be told again.
        """
        heard = self._heard(portion, audience, deadline)
        read = _Read(self._read_items(heard, deadline), self._read_people(heard, deadline))
        messages: list[Message] = []
        for one in heard:
            try:
                messages += _messages(one, read)
            except Exception as error:
                _report(error)
        if messages:
            deadline.require(_POSTS_SECONDS)
            self._delivery.deliver(messages, Deadline.after(_POSTS_SECONDS))

    def _heard(self, portion: Sequence[_Told], audience: Audience, deadline: Deadline) -> list[_Heard]:
        """Return what is to be told, but for conversations that have ended, and where somebody listens."""
        seen = [one.happening.conversation_pk for one in portion if isinstance(one.happening, TeamSeen)]
        # The row of a read receipt does not say whose conversation it is.
        found = self._stores.conversations.read_many(seen, deadline) if seen else {}
        heard = []
        for record, happening in portion:
            if isinstance(happening, Identified):
                if listeners := audience.of_team(happening.visitor):
                    heard.append(_Heard(record, happening, None, listeners))
                continue
            conversation = _conversation_of(happening, found)
            if conversation is not None and (listeners := audience.of(conversation)):
                heard.append(_Heard(record, happening, conversation, listeners))
        return heard

    def _read_items(self, heard: Sequence[_Heard], deadline: Deadline) -> Items:
        wanted = [
            (one.happening.after, id_)
            for one in heard
            if isinstance(one.happening, ConversationWrite)
            for id_ in items_to_read(one.happening)
        ]
        return self._stores.timelines.read_items_of_many(wanted, deadline) if wanted else {}

    def _read_people(self, heard: Sequence[_Heard], deadline: Deadline) -> People:
        visitors = [one.happening.visitor for one in heard if isinstance(one.happening, Identified)]
        teams = dict.fromkeys((visitor.website_id, visitor.mode) for visitor in visitors)
        return {
            (*team, id_): person
            for team in teams
            for id_, person in self._stores.visitors.read_many(
                *team, (one.id for one in visitors if (one.website_id, one.mode) == team), deadline
            ).items()
        }


def create_handler(feed: Feed, stage: str) -> Handler:
    """Build the Lambda handler; `stage` is the dimension of its metrics."""

    def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
        deadline = Deadline.of_invocation(context.get_remaining_time_in_millis())
        failed = feed.tell(read_records(event), deadline)
        if failed is not None:
            measure(Metric.FEED_HELD)
        if metrics.metric_set:
            metrics.add_dimension(name="stage", value=stage)
            metrics.flush_metrics()
        return succeeded() if failed is None else failed_from(failed)

    return handler


def _report(error: Exception) -> None:
    """Report a defect of ours, as other functions do."""
    logger.error("unhandled_exception", extra=describe(error))
    measure(Metric.REFUSED, detail=unexpected().code)


def _read(records: Sequence[Record]) -> list[_Told]:
    """Read what records tell, without those that can't be read."""
    told: list[_Told] = []
    for record in records:
        try:
            happening = happening_of(record)
        except Exception as error:
            _report(error)
            continue
        if happening is not None:
            told.append(_Told(record, happening))
    return told


def _portions(told: Sequence[_Told]) -> Iterator[list[_Told]]:
    """Divide a batch into portions whose items are read at once."""
    portion: list[_Told] = []
    size = 0
    for one in told:
        more = len(items_to_read(one.happening)) if isinstance(one.happening, ConversationWrite) else 0
        if portion and size + more > _MAX_ITEMS:
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += more
    if portion:
        yield portion


def _conversation_of(happening: ConversationWrite | TeamSeen, found: dict[str, Conversation]) -> Conversation | None:
    """Return the conversation that a happening is about; `found` are those that were read. None if it has ended."""
    if not isinstance(happening, TeamSeen):
        return happening.after
    conversation = found.get(happening.conversation_pk)
    return conversation if conversation is not None and conversation.incarnation == happening.incarnation else None


def _messages(heard: _Heard, read: _Read) -> Iterator[Message]:
    for key_type, connections in heard.listeners:
        for frame in _frames(heard, read, key_type):
            message = encode(frame)
            yield from ((connection, message) for connection in connections)


def _frames(heard: _Heard, read: _Read, key_type: KeyType) -> Iterator[Frame]:
    match heard.happening:
        case Identified(visitor):
            if (frame := frame_of_identified(visitor, read.people)) is not None:
                yield frame
        case TeamSeen() as happening if heard.conversation is not None:
            yield frame_of_seen(happening.seen, heard.conversation)
        case ConversationWrite() as happening:
            yield from frames_of_write(happening, read.items, key_type)
