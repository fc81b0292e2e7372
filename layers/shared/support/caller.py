"""The caller of a request, or the client of a connection, and what it may access."""

import re
from typing import NamedTuple

from support.deadlines import Deadline
from support.errors import not_found
from support.ids import ID
from support.store.conversations import Stored
from support.store.stores import Stores
from support.values.api_key import ApiKey
from support.values.conversation import Conversation, conversation_pk
from support.values.visitor import GATE_SK, visitor_row


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


def find(caller: Caller, conversation_id: str, stores: Stores, *item_ids: str, looks_at_gate: bool = False) -> Stored:
    """Find a conversation that the caller may access, with those of the given items that exist.

    With `looks_at_gate` the result says whether the caller is a blocked visitor.

    Raises `Refusal`: HTTP_404, the same for every reason, or UNAVAILABLE.
    """
    if re.fullmatch(ID, conversation_id) is None:
        raise not_found()
    key, gate = caller.key, None
    if looks_at_gate and key.type == "public":
        gate = visitor_row(key.website_id, key.mode, caller.visitor, GATE_SK)
    pk = conversation_pk(key.website_id, key.mode, conversation_id)
    return caller.require_access(stores.conversations.read(pk, caller.deadline, item_ids, gate=gate))
