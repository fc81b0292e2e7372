"""Responses that are not a success.

An error's way: a rule, or what comes before it, raises `Refusal` with a code, and the pipeline of a request
(`api.app`) makes it a response (`http_api.error_response`) with the status that belongs to the code. Anything else that
is raised is a bug: its type and place go to the log, and `unexpected` is what the caller gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Self


class Code(StrEnum):
    """What went wrong, for programs; with the HTTP status of a response that has it."""

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
    PAYLOAD_TOO_LARGE = auto(), 413
    UNSUPPORTED_MEDIA_TYPE = auto(), 415
    IDEMPOTENCY_KEY_REUSED = auto(), 422
    RATE_LIMITED = auto(), 429
    UNAVAILABLE = auto(), 503
    INTERNAL_ERROR = auto(), 500
    # For connections alone, whose clients are told the status.
    WEBSITE_MISMATCH = auto(), 403
    # For operators alone, who are told the code and no status.
    NOT_FOUND = auto(), 404
    CONFLICT = auto(), 409


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing to change in a request: where (`defaultTimelineItems.0.parts.1.url`) and what. Never a value."""

    path: str
    message: str


class Refusal(Exception):
    """A request that gets an error response.

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


def unexpected() -> Refusal:
    """Build the error for a bug of ours. Its cause is in the log, under the id of the request."""
    return Refusal(Code.INTERNAL_ERROR, "Something went wrong on our side. Please quote the requestId to support.")
