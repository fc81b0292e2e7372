"""Until when the rows of a visitor are kept."""

import time

from support.dynamodb.items import Item
from support.values.timestamps import DAY_SECONDS


def visitor_expiry(days: int, known: Item | None) -> int | None:
    """Return the epoch second until which a visitor is kept who is told of now; None is forever.

    `days` is the retention, 0 is forever; `known` is the visitor's row. A shorter retention shortens nothing that is
    written, and a row without an end never gets one.
    """
    if not days or (known is not None and "ttl" not in known):
        return None
    expiry = int(time.time()) + days * DAY_SECONDS
    return expiry if known is None else max(expiry, int(str(known["ttl"])))
