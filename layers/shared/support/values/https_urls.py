"""Absolute https URLs, as browsers write them."""

import re


def https_url(text: str) -> str | None:
    """Return a URL as browsers serialise it (URL Standard), in ASCII, so that every client reads it alike.

    It is None for what is no absolute https URL, and for one with a user name or a password.
    """
    # Here, since few requests need it: a cold start is imports.
    import can_ada

    try:
        url = can_ada.parse(text) if re.match(r"https://[^\s/\\]", text, re.IGNORECASE) else None
    except ValueError:
        url = None
    return None if url is None or url.username or url.password else url.href
