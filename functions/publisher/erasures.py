"""Erasures that have begun, from the stream's records."""

from support.dynamodb.stream import Record
from support.store.erasure import Erasure
from support.values.conversation import CONVERSATION_SK, is_erased


def erasure_of(record: Record) -> Erasure | None:
    """Return the erasure that begins with a record; None for any other record."""
    pk, sk = record.key
    if sk != CONVERSATION_SK or record.after is None or not is_erased(record.after):
        return None
    return None if record.before is not None and is_erased(record.before) else Erasure(conversationPK=pk)
