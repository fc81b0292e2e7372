"""What stands in front of the API, such as a CDN: it proves by a secret header that a request came through it.

The gateway can't refuse who goes round it: an HTTP API takes neither a WAF nor a resource policy (API Gateway Developer
Guide, "Choose between REST APIs and HTTP APIs").
"""

import os
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any

#: In lower case, as events have names.
HEADER = "x-origin-verify"


class Front:
    """Tells requests that came through the front from all others.

    Parameters
    ----------
    secrets
        The values that the header may have, at least one; two while one is replaced by the other.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    @classmethod
    def from_environment(cls) -> "Front | None":
        """Read the secrets. Without any there is no front, and the result is None."""
        found = (os.environ.get(name, "") for name in ("FRONT_SECRET", "NEXT_FRONT_SECRET"))
        secrets = [secret for secret in found if secret]
        return cls(secrets) if secrets else None

    def sent(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a request with these headers came through the front; names are in lower case.

        A header that was sent twice arrives joined by a comma, and is no secret.
        """
        # As bytes: compare_digest takes text in ASCII alone, and a header may be anything, a lone surrogate too.
        value = headers.get(HEADER, "").encode(errors="surrogatepass")
        return any(compare_digest(value, secret) for secret in self._secrets)


def forbidden() -> dict[str, Any]:
    """Build the response to a request that did not: the gateway's own, which says nothing of a header."""
    return {"statusCode": 403, "headers": {"Content-Type": "application/json"}, "body": '{"message":"Forbidden"}'}
