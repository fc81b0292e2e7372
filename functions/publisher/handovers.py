"""What others finish, from the stream's records: erasures that have begun, and the objects of files that are gone."""

from support.dynamodb.items import Item
from support.dynamodb.stream import Record
from support.store.erasure import Erasure
from support.store.files import GoneFile
from support.values.conversation import CONVERSATION_SK, is_erased
from support.values.file import FILE_PREFIX


def erasure_of(record: Record) -> Erasure | None:
    """Return the erasure that begins with a record; None for any other record."""
    pk, sk = record.key
    if sk != CONVERSATION_SK or record.after is None or not is_erased(record.after):
        return None
    return None if record.before is not None and is_erased(record.before) else Erasure(conversationPK=pk)


def gone_file_of(record: Record) -> GoneFile | None:
    """Return the file that is gone since a record, with its row or while that waits to expire; None for any other."""
    pk, sk = record.key
    if not sk.startswith(FILE_PREFIX) or not _is_gone(record.after):
        return None
    return GoneFile(PK=pk, SK=sk)


def _is_gone(row: Item | None) -> bool:
    return row is None or "deletedAt" in row
