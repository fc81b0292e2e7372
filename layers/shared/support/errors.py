"""Error responses.

The way of an error: a rule, or a step before it, raises `Refusal` with a code, and the pipeline of a request
(`api.app`) turns it into a response (`http_api.error_response`) with the status of the code. Any other exception is a
bug: its type and traceback go to the log, and the caller gets `unexpected`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Self


class Code(StrEnum):
    """The code of an error, for programs, and its HTTP status."""

    status: int

    @staticmethod
    def _generate_next_value_(name: str, *_: object) -> str:
        return name

    def __new__(cls, value: str, status: int) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.status = status
        return member

    INVALID_JSON = auto(), 400
    VALIDATION_FAILED = auto(), 400
    VISITOR_ID_REQUIRED = auto(), 400
    INVALID_IDENTITY_TOKEN = auto(), 400
    API_KEY_MISSING = auto(), 401
    INVALID_API_KEY = auto(), 401
    ORIGIN_REQUIRED = auto(), 403
    ORIGIN_NOT_ALLOWED = auto(), 403
    PRIVATE_KEY_REQUIRED = auto(), 403
    HTTP_404 = auto(), 404
    CONVERSATION_ID_CONFLICT = auto(), 409
    ITEM_ID_CONFLICT = auto(), 409
    CONVERSATION_CLOSED = auto(), 409
    CONVERSATION_NOT_RESOLVED = auto(), 409
    STATUS_CONFLICT = auto(), 409
    CONTACT_VERIFIED = auto(), 409
    VISITOR_BLOCKED = auto(), 409
    PAYLOAD_TOO_LARGE = auto(), 413
    UNSUPPORTED_MEDIA_TYPE = auto(), 415
    IDEMPOTENCY_KEY_REUSED = auto(), 422
    RATE_LIMITED = auto(), 429
    UNAVAILABLE = auto(), 503
    INTERNAL_ERROR = auto(), 500
    # For the log and the metrics only: the response is the gateway's own (`front.forbidden`).
    FRONT_REQUIRED = auto(), 403
    # For connections only, whose clients get the status alone.
    WEBSITE_MISMATCH = auto(), 403
    # For operators only, whose responses have a code and no status.
    NOT_FOUND = auto(), 404
    CONFLICT = auto(), 409


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing to change in a request: a path (`defaultTimelineItems.0.parts.1.url`) and a message without values."""

    path: str
    message: str


class Refusal(Exception):
    """A request that gets an error response.

    Parameters
    ----------
    code
        For programs.
    message
        For people: what is wrong and what to change. It is sent as it is, so it quotes nothing that the client sent.
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
    """A conversation that has reached its maximum size (Developer Guide, "Item collection size limit")."""

    def __init__(self) -> None:
        super().__init__(
            Code.PAYLOAD_TOO_LARGE,
            "This conversation has reached the maximum size, 10 GB. Nothing can be added to it; please open a new one.",
        )


def not_found() -> Refusal:
    """Build the error for a path or a conversation that does not exist, or that the caller can't access.

    Widgets show its message to visitors.
    """
    return Refusal(Code.HTTP_404, "This conversation is not available or no longer exists.")


def visitor_blocked() -> Refusal:
    """Build the error for a visitor whom the team has blocked, or of whom everything is being erased."""
    return Refusal(Code.VISITOR_BLOCKED, "This conversation can't be continued here. Please contact us another way.")


def unexpected() -> Refusal:
    """Build the error for a bug. Its cause is in the log, under the id of the request."""
    return Refusal(Code.INTERNAL_ERROR, "Something went wrong on our side. Please quote the requestId to support.")
