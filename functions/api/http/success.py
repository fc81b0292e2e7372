"""The result of a route: a response with 200, and its counts for log and metrics."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Success(NamedTuple):
    """A response with 200, and what is logged and measured of it.

    Parameters
    ----------
    body
        The response's body, of the type that the route's entry names.
    replayed
        Whether nothing was written, in a route that writes.
    items
        How many items, conversations or receipts the body has; None where that is not worth a word.
    written
        How many timeline items were written; None in a route that does not count them.
    opened
        Whether a conversation was opened.
    """

    body: Mapping[str, Any]
    replayed: bool = False
    items: int | None = None
    written: int | None = None
    opened: bool = False
