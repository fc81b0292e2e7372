"""What a transaction does: its actions, and why it was not carried out."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from support.dynamodb.items import Item, Key, Value


@dataclass(frozen=True, slots=True)
class Insert:
    """Write an item if there is none under its key.

    With `within`, an item that has another value under that name counts as none, and is overwritten. With
    `returns_existing`, a failure returns the item that exists.
    """

    item: Item
    within: str | None = None
    returns_existing: bool = True

    @property
    def key(self) -> Key:
        """The key of the item."""
        return str(self.item["PK"]), str(self.item["SK"])


@dataclass(frozen=True, slots=True)
class Change:
    """Change attributes of an item if it exists and its values are those that are expected.

    Parameters
    ----------
    values
        What to set; None takes an attribute away.
    expected
        What attributes must be; None is not there.
    added
        What to add to numbers, whatever they are.
    above
        What attributes must be under, if they are there: so that none ever goes back.
    at_most
        What attributes must not be over; they must be there.
    even_expired
        Whether an item that has expired, and is still stored, counts as well.
    """

    key: Key
    values: Mapping[str, Value | None]
    _: KW_ONLY
    expected: Mapping[str, Value | None] = field(default_factory=dict)
    added: Mapping[str, int] = field(default_factory=dict)
    above: Item = field(default_factory=dict)
    at_most: Item = field(default_factory=dict)
    even_expired: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Go ahead only if an item exists and still has the expected values."""

    key: Key
    expected: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lacks:
    """Go ahead only if an item has none of these attributes, or does not exist. A failure does not return it."""

    key: Key
    attributes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an item, if there is one. With expected values, it must exist and still have them."""

    key: Key
    expected: Mapping[str, Value | None] = field(default_factory=dict)


Action = Insert | Change | Check | Lacks | Delete


class ConditionFailed(Exception):
    """A write that was not carried out because something stored did not meet its conditions.

    `found` holds, for each action in order, the item on which its condition failed; None where it held, or where
    DynamoDB returned no item that counts. `not_returned` are the keys of the latter: there may be an item or none.
    """

    def __init__(self, found: Sequence[Item | None], not_returned: Sequence[Key] = ()) -> None:
        super().__init__("a condition of the transaction failed")
        self.found = found
        self.not_returned = not_returned


class Conflicted(Exception):
    """A transaction that surely wrote nothing, because another one was in progress on the same items."""
