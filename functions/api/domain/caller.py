"""The caller of a request and what it may access."""

from typing import NamedTuple

from support.deadlines import Deadline
from support.errors import not_found
from support.store.conversations import Stored
from support.values.api_key import ApiKey
from support.values.conversation import Conversation


class Caller(NamedTuple):
    """An authenticated caller, and until when it must have its response.

    `visitor_id` is the visitor whose conversations the call may access; None is all of the website's, with a private
    key.
    """

    key: ApiKey
    visitor_id: str | None
    deadline: Deadline

    def can_access(self, conversation: Conversation) -> bool:
        """Tell whether a conversation of the website is one that the caller may see."""
        return self.visitor_id is None or self.visitor_id == conversation.visitor_id

    def require_access(self, stored: Stored | None) -> Stored:
        """Return what is stored; raises `Refusal` (HTTP_404) if that is nothing, or not for this caller to see."""
        if stored is None or not self.can_access(stored.conversation):
            raise not_found()
        return stored

    @property
    def visitor(self) -> str:
        """The visitor of a call that always names one."""
        if self.visitor_id is None:
            raise LookupError("the call names no visitor")
        return self.visitor_id
