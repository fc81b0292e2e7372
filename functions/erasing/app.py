"""From a message of the queue to a conversation of which nothing is left; and the operators' actions that erase.

A message may come twice, and late: what is done stays done. A run that has no time left, or meets a database that is
busy, sends a message for the rest, so that only runs without any progress count as failures: such a message comes back,
and after some failures it goes to the dead letters.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from operators.app import create_handler as create_operators_handler
from operators.events import ERASURES
from pydantic_core import from_json
from support.aws.services import Queue
from support.deadlines import Deadline
from support.observability import Metric, logger, measure, metrics
from support.store.erasure import Erasure, ErasureStore

from erasing.operations import Erasures

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any] | None]

#: What is left of an invocation for the message about the rest, in seconds: more than a call takes at most.
_LAST_SECONDS = 5


class NoProgress(Exception):
    """A run that deleted nothing, though something is left."""


class Erasing:
    """Finishes erasures.

    Parameters
    ----------
    erasures
        By which conversations are deleted.
    queue
        Where a message for the rest is sent.
    """

    def __init__(self, erasures: ErasureStore, queue: Queue) -> None:
        self._erasures = erasures
        self._queue = queue

    def finish(self, erasure: Erasure, deadline: Deadline) -> None:
        """Delete what is left of a conversation, or as much of it as there is time for.

        Raises `NoProgress`, or `Unreachable` where the queue did not take the message for the rest.
        """
        erased = self._erasures.finish(erasure["conversationPK"], deadline)
        measure(Metric.ERASED_ITEMS, erased.items)
        if erased.is_done:
            measure(Metric.ERASED)
            return
        if not erased.items:
            raise NoProgress
        self._queue.send(erasure)
        logger.info("erasure goes on", extra={"items": erased.items})


def create_handler(erasing: Erasing, erasures: Erasures, stage: str) -> Handler:
    """Build the Lambda handler, of messages of the queue and of operators' events.

    `stage` is the dimension of its metrics.
    """
    operate = create_operators_handler(erasures, ERASURES)

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
        if "Records" not in event:
            return operate(event, context)
        deadline = Deadline.of_invocation(context.get_remaining_time_in_millis() - _LAST_SECONDS * 1000)
        try:
            for message in event["Records"]:
                erasing.finish(from_json(message["body"]), deadline)
        finally:
            if metrics.metric_set:
                metrics.add_dimension(name="stage", value=stage)
                metrics.flush_metrics()
        return None

    return handler
