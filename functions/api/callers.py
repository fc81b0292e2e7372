"""Who calls, and what of the website that reaches."""

from typing import NamedTuple

from conversations.api_key import ApiKey
from conversations.conversation import Conversation
from conversations.deadlines import Deadline


class Caller(NamedTuple):
    """Who calls, and until when they must have their answer.

    `visitor_id` is the visitor whose conversations the call reaches; None is all of the website's, with a private key.
    """

    key: ApiKey
    visitor_id: str | None
    deadline: Deadline

    def reaches(self, conversation: Conversation) -> bool:
        """Tell whether a conversation of the website is one that the caller may see."""
        return self.visitor_id is None or self.visitor_id == conversation.visitor_id

    @property
    def visitor(self) -> str:
        """The visitor of a call that is always about one."""
        if self.visitor_id is None:
            raise LookupError("the call is about no visitor")
        return self.visitor_id
