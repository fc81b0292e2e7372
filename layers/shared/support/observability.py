"""The log and the metrics: JSON lines that never hold a key, a message's text or metadata."""

import hashlib
import logging
import traceback
from enum import StrEnum

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="conversations")
metrics = Metrics(namespace="Conversations")

# At DEBUG, which Lambda's application log level enables for all loggers, botocore logs the credentials of a response,
# and at INFO where it found them.
logging.getLogger("botocore").setLevel(logging.WARNING)
# At DEBUG it logs the path of each request, such as the key of a file, and of a response with a broken header always.
logging.getLogger("urllib3").setLevel(logging.ERROR)
# At DEBUG it logs what a path names, such as a visitor's id, which opens the visitor's conversations.
logging.getLogger("aws_lambda_powertools.event_handler").setLevel(logging.INFO)


class Metric(StrEnum):
    """The names of all metrics; alarms and the dashboard in template.yaml use the same."""

    CREATED = "Created"
    REPLAYED = "Replayed"
    APPENDED = "Appended"
    CHANGED = "Changed"  # with a dot and the route's id after it: Changed.resolveConversation
    READ = "Read"  # with a dot and the route's id after it: Read.getTimeline
    REFUSED = "Refused"  # with a dot and the code after it: Refused.INVALID_API_KEY
    ITEMS = "Items"
    PAYLOAD_BYTES = "PayloadBytes"
    DATABASE_MILLISECONDS = "DatabaseMilliseconds"
    DATABASE_RETRIES = "DatabaseRetries"
    DATABASE_CONFLICTS = "DatabaseConflicts"
    DATABASE_THROTTLES = "DatabaseThrottles"
    RATE_LIMIT_FAILED = "RateLimitFailed"
    CONNECTED = "Connected"
    DELIVERED = "Delivered"
    DELIVERY_GONE = "DeliveryGone"
    DELIVERY_GIVEN_UP = "DeliveryGivenUp"
    FEED_HELD = "FeedHeld"  # batches of which a part is to be read again
    EVENTS_PUBLISHED = "EventsPublished"
    EVENTS_HELD = "EventsHeld"  # to be sent again, with the rest of their batch
    EVENTS_REFUSED = "EventsRefused"  # by the bus, and kept in the queue
    EVENTS_LOST = "EventsLost"  # of records that can't be read
    ERASED = "Erased"  # conversations of which nothing is left
    ERASED_ITEMS = "ErasedItems"
    FILES_ACCEPTED = "FilesAccepted"  # uploads whose copies are served
    FILES_REFUSED = "FilesRefused"  # uploads that were deleted
    FILES_REMOVED = "FilesRemoved"  # with all that there was of them


_UNITS = {
    Metric.PAYLOAD_BYTES: MetricUnit.Bytes,
    Metric.DATABASE_MILLISECONDS: MetricUnit.Milliseconds,
}


def measure(metric: Metric, value: float = 1, *, detail: str | None = None) -> None:
    """Add to a metric of the invocation; `detail` follows its name after a dot."""
    name = metric if detail is None else f"{metric}.{detail}"
    metrics.add_metric(name=name, unit=_UNITS.get(metric, MetricUnit.Count), value=value)


def hashed(visitor_id: str) -> str:
    """Return what stands for a visitor in the log: it correlates lines without revealing the visitor."""
    return hashlib.sha256(visitor_id.encode()).hexdigest()[:16]


def describe(error: BaseException) -> dict[str, object]:
    """Describe an unexpected error for the log, by its type and traceback.

    Its message is left out: it may quote what a customer wrote.
    """
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error_type": type(error).__name__,
        "error_trace": [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames],
    }
