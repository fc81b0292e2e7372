"""The caller of a request and what it may access."""

from typing import NamedTuple

from support.deadlines import Deadline
from support.errors import not_found
from support.store.conversations import Stored
from support.values.api_key import ApiKey
from support.values.conversation import Conversation


class Caller(NamedTuple):
    """An authenticated caller, and the deadline of its response.

    `visitor_id` is the visitor whose conversations the call may access; None, with a private key, means all of the
    website's.
    """

    key: ApiKey
    visitor_id: str | None
    deadline: Deadline

    def can_access(self, conversation: Conversation) -> bool:
        """Tell whether the caller may see a conversation of its website."""
        return self.visitor_id is None or self.visitor_id == conversation.visitor_id

    def require_access(self, stored: Stored | None) -> Stored:
        """Return `stored`. Raises `Refusal` (HTTP_404) if it is None, or if the caller may not see it."""
        if stored is None or not self.can_access(stored.conversation):
            raise not_found()
        return stored

    @property
    def visitor(self) -> str:
        """The visitor of a call that always names one."""
        if self.visitor_id is None:
            raise LookupError("the call names no visitor")
        return self.visitor_id
