"""All stores over one table."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

from support.dynamodb.table import Table
from support.store.contacts import ContactStore
from support.store.conversations import ConversationStore
from support.store.erasure import ErasureStore
from support.store.feedback import FeedbackStore
from support.store.files import FileStore
from support.store.inbox import InboxStore
from support.store.seen import SeenStore
from support.store.timelines import TimelineStore
from support.store.visitors import VisitorStore
from support.values.api_key import Mode


class Stores(NamedTuple):
    """The stores that rules read from and write to."""

    conversations: ConversationStore
    timelines: TimelineStore
    inbox: InboxStore
    seen: SeenStore
    visitors: VisitorStore
    feedback: FeedbackStore
    contacts: ContactStore
    erasures: ErasureStore
    files: FileStore

    @classmethod
    def over(cls, table: Table, retention_days: Mapping[Mode, int] = MappingProxyType({})) -> Self:
        """Return the stores over a table.

        `retention_days` as for `ConversationStore`; not needed to read.
        """
        return cls(
            ConversationStore(table, retention_days),
            TimelineStore(table),
            InboxStore(table),
            SeenStore(table, retention_days),
            VisitorStore(table, retention_days),
            FeedbackStore(table, retention_days),
            ContactStore(table, retention_days),
            ErasureStore(table),
            FileStore(table),
        )
