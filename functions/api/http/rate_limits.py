"""The limit by address in the headers of a response."""

from support.rate_limits import WINDOW_SECONDS, Quota


def quota_headers(quota: Quota) -> dict[str, str]:
    """Say what is left of a limit (IETF draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": f'"address";q={quota.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"address";r={quota.remaining};t={quota.resets_in}',
    }
