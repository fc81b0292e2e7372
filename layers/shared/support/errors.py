"""The answers that are not a success, in the words of the API and free of HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """What went wrong, for programs."""

    INVALID_JSON = "INVALID_JSON"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    VISITOR_ID_REQUIRED = "VISITOR_ID_REQUIRED"
    API_KEY_MISSING = "API_KEY_MISSING"
    INVALID_API_KEY = "INVALID_API_KEY"
    ORIGIN_REQUIRED = "ORIGIN_REQUIRED"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
    PRIVATE_KEY_REQUIRED = "PRIVATE_KEY_REQUIRED"
    HTTP_404 = "HTTP_404"
    CONVERSATION_ID_CONFLICT = "CONVERSATION_ID_CONFLICT"
    ITEM_ID_CONFLICT = "ITEM_ID_CONFLICT"
    CONVERSATION_CLOSED = "CONVERSATION_CLOSED"
    CONVERSATION_NOT_RESOLVED = "CONVERSATION_NOT_RESOLVED"
    STATUS_CONFLICT = "STATUS_CONFLICT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    # For operators alone.
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing to change in a request: where (`defaultTimelineItems.0.parts.1.url`) and what. Never a value."""

    path: str
    message: str


class Refusal(Exception):
    """A request that gets an error for an answer.

    Parameters
    ----------
    code
        For programs.
    message
        For people: what is wrong and what to change. It is sent as it is, so it holds nothing the client sent.
    details
        For `VALIDATION_FAILED`: each thing to change.
    retry_after
        Whole seconds after which the same request may succeed.
    """

    def __init__(
        self, code: Code, message: str, *, details: Sequence[Detail] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.retry_after = retry_after


class ConversationFull(Refusal):
    """A conversation to which the database takes nothing more (Developer Guide, "Item collection size limit")."""

    def __init__(self) -> None:
        super().__init__(
            Code.PAYLOAD_TOO_LARGE,
            "This conversation has reached the size that the database takes, 10 GB. Nothing can be added to it; please "
            "write in a new one.",
        )


def not_found() -> Refusal:
    """Build the one error for whatever the caller can't access, or that does not exist: a path or a conversation.

    Widgets show its message to visitors.
    """
    return Refusal(Code.HTTP_404, "This conversation is not available or no longer exists.")
