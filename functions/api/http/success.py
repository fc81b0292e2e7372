"""The result of a route: the response of a success, and its counts for log and metrics."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Success(NamedTuple):
    """The response of a success, and its counts for log and metrics.

    Parameters
    ----------
    body
        The response's body, of the type that the route's entry names.
    replayed
        Whether a route that writes wrote nothing.
    items
        How many items, conversations or receipts the body has; None if that is not logged.
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
