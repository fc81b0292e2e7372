"""From a batch of the stream's records to the bus, and to the queues of those who erase and who keep files.

At least once: a record is done when the bus, or the queue, has its event. What the bus refuses waits in the queue, and
nothing waits for it. While the bus is busy or out of reach, Lambda sends the rest of the batch again.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext
from support.aws.services import Queue, Unreachable
from support.deadlines import Deadline
from support.dynamodb.stream import BatchResponse, Record, failed_from, read_records, succeeded
from support.errors import Refusal
from support.observability import Metric, describe, logger, measure, metrics
from support.store.erasure import Erasure
from support.store.files import OBJECTS_STAY_SECONDS, GoneFile

from publisher.bus import MAX_ENTRIES, Entry, EventBus, Failure
from publisher.events import event_of
from publisher.handovers import erasure_of, gone_file_of

Handler = Callable[[dict[str, Any], LambdaContext], BatchResponse]

#: After how many seconds connecting to the bus or the queue is given up, and each read.
TIMEOUT_SECONDS = 2
_CALL_SECONDS = 2 * TIMEOUT_SECONDS
#: How often an event is sent before the queue gets it, or the batch is left to another invocation.
_ATTEMPTS = 3
#: Up to how many seconds the second attempt waits.
_WAIT_SECONDS = 0.25
#: Lambda forgets a record after a day (template.yaml), as the stream does. The events of a bus that is busy for so long
#: go to the queue before that.
_PATIENCE_SECONDS = 12 * 3600


class _Pending(NamedTuple):
    """An event, and the record that made it."""

    record: Record
    entry: Entry


class _Handover(NamedTuple):
    """Work for others: a message, and the queue that gets it after a delay."""

    message: Erasure | GoneFile
    queue: Queue
    delay_seconds: int = 0


class _Held(Exception):
    """Events that neither the bus nor the queue has; `fault` names the reason."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class Publisher:
    """Publishes the events of a batch.

    Parameters
    ----------
    bus, queue
        Where events go, and those that the bus refuses.
    erasures, files
        The queues of conversations to erase, and of files whose rows are gone.
    clock
        The time, in epoch seconds.
    """

    def __init__(
        self,
        bus: EventBus,
        queue: Queue,
        erasures: Queue,
        files: Queue,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bus = bus
        self._queue = queue
        self._erasures = erasures
        self._files = files
        self._clock = clock

    def publish(self, records: Sequence[Record], deadline: Deadline) -> Record | None:
        """Publish the events of records, and return the first record that has to be sent again; None if all are done.

        A record that can't be read is left out: all later events would wait for it, and be lost with it after a day.
        """
        pending = []
        held = None
        for record in records:
            try:
                event, handover = event_of(record), self._handover_of(record)
            except Exception as error:
                logger.error("unhandled_exception", extra=describe(error))
                measure(Metric.EVENTS_LOST)
                continue
            if event is not None:
                pending.append(_Pending(record, self._bus.entry(event)))
            if handover is not None and not self._hand_over(handover, deadline):
                held = record
                break
        failed = self._publish_all(pending, deadline)
        return held if failed is None else failed

    def _handover_of(self, record: Record) -> _Handover | None:
        if (erasure := erasure_of(record)) is not None:
            return _Handover(erasure, self._erasures)
        if (file := gone_file_of(record)) is not None:
            return _Handover(file, self._files, OBJECTS_STAY_SECONDS)
        return None

    @staticmethod
    def _hand_over(handover: _Handover, deadline: Deadline) -> bool:
        """Hand work over to those who finish it; tell whether their queue has it."""
        try:
            deadline.require(_CALL_SECONDS)
            handover.queue.send(handover.message, handover.delay_seconds)
        except (Refusal, Unreachable) as reason:
            fault = str(reason) if isinstance(reason, Unreachable) else "OutOfTime"
            logger.warning("handover held", extra={"fault": fault})
            measure(Metric.EVENTS_HELD)
            return False
        return True

    def _publish_all(self, pending: Sequence[_Pending], deadline: Deadline) -> Record | None:
        """Publish events, and return the record of the first one that has to be sent again; None if all are done."""
        for start in range(0, len(pending), MAX_ENTRIES):
            call = pending[start : start + MAX_ENTRIES]
            try:
                self._publish_call(call, deadline)
            except (Refusal, _Held) as reason:
                fault = reason.fault if isinstance(reason, _Held) else "OutOfTime"
                logger.warning("events held", extra={"fault": fault, "events": len(pending) - start})
                measure(Metric.EVENTS_HELD, len(pending) - start)
                return call[0].record
        return None

    def _publish_call(self, pending: Sequence[_Pending], deadline: Deadline) -> None:
        """Publish as many events as one call takes; raises `_Held` or `Refusal` for what has to be sent again."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                deadline.back_off(attempt - 1, _WAIT_SECONDS)
            deadline.require(_CALL_SECONDS)
            failures = self._put(pending)
            measure(Metric.EVENTS_PUBLISHED, len(pending) - len(failures))
            if not failures:
                return
            pending = [one for one, _ in failures]
        for one, failure in failures:
            if failure.is_busy and not self._has_waited_long(one):
                raise _Held(failure.code)
        for one, failure in failures:
            deadline.require(_CALL_SECONDS)
            try:
                self._queue.send(one.entry)
            except Unreachable as fault:
                raise _Held(f"queue: {fault}") from None
            logger.error("event refused", extra={"code": failure.code, "event": one.entry["DetailType"]})
            measure(Metric.EVENTS_REFUSED)

    def _put(self, pending: Sequence[_Pending]) -> list[tuple[_Pending, Failure]]:
        """Send events once, and return those that the bus did not take, each with its reason."""
        try:
            results = self._bus.put([one.entry for one in pending])
        except Unreachable as fault:
            results = [Failure(str(fault), is_busy=True)] * len(pending)
        return [(one, failure) for one, failure in zip(pending, results, strict=True) if failure is not None]

    def _has_waited_long(self, pending: _Pending) -> bool:
        return self._clock() - pending.record.written_at > _PATIENCE_SECONDS


def create_handler(publisher: Publisher, stage: str) -> Handler:
    """Build the Lambda handler; `stage` is the dimension of its metrics."""

    def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
        deadline = Deadline.of_invocation(context.get_remaining_time_in_millis())
        held = publisher.publish(read_records(event), deadline)
        if metrics.metric_set:
            metrics.add_dimension(name="stage", value=stage)
            metrics.flush_metrics()
        return succeeded() if held is None else failed_from(held)

    return handler
