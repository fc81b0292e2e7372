"""Calls the API as Lambda does: an event in, an answer out."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from api.app import create_handler
from api.live import Connect
from api.routes import all_routes
from support.dynamodb.items import Item
from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.settings import Settings
from support.store.api_keys import KeyRing

from tests.builders import SETTINGS, Context, an_event
from tests.document import require_documented
from tests.fakes import nobody_is_connected


@dataclass(frozen=True)
class Response:
    """An answer of the API, its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: Any

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self:
        """Read what the function returned to Lambda."""
        headers = {name.lower(): value for name, value in result["headers"].items()}
        return cls(result["statusCode"], headers, json.loads(result["body"]))

    @property
    def code(self) -> str | None:
        """The error code; None for a success."""
        return self.body.get("code")  # type: ignore[no-any-return]

    @property
    def items(self) -> list[dict[str, Any]]:
        """The timeline items of a success."""
        return self.body["initialTimelineItems"]  # type: ignore[no-any-return]

    @property
    def conversation(self) -> dict[str, Any]:
        """The conversation of a success."""
        return self.body["conversation"]  # type: ignore[no-any-return]

    @property
    def paths(self) -> list[str]:
        """Where a validation error says something is to be changed."""
        return [detail["path"] for detail in self.body.get("details", [])]


Api = Callable[..., Response]

#: Reads all that is stored of conversations, of every tenant.
Stored = Callable[[], list[Item]]

#: Reads what has been logged and measured since its last call, line by line.
Emitted = Callable[[], list[dict[str, Any]]]


#: Ten seconds into a window of the limit by address.
NOW = 1_795_521_610


def a_limiter(
    table: Table, per_minute: int = 3, patience: float = 60, trusted_proxies: Iterable[str] = ()
) -> RateLimiter:
    """Return a limiter whose window does not end, and that waits for its counter on the slowest machine."""
    return RateLimiter(table, per_minute, trusted_proxies, clock=lambda: NOW, patience=patience)


def api_over(
    table: Table,
    cache_seconds: int = 60,
    rate_limit: int = 0,
    settings: Settings = SETTINGS,
    clock: Callable[[], float] = time.monotonic,
    connect: Connect = nobody_is_connected,
) -> Api:
    """Return a function that calls the API: `api(body, headers)`, `api(raw=...)`, or `api(event=...)`."""
    keys = KeyRing(table, cache_seconds, clock)
    handler = create_handler(table, keys, a_limiter(table, rate_limit), settings, connect)

    def call(
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        event: dict[str, Any] | None = None,
        name: str = "",  # noqa: ARG001 (of the example that the call is)
        **event_fields: Any,
    ) -> Response:
        sent = event or an_event(body, headers, **event_fields)
        response = Response.of(handler(sent, Context()))
        [route] = [route for route in all_routes() if f"{route.method} {route.path}" == sent["routeKey"]]
        require_documented(response.status, response.headers, response.body, route.id)
        return response

    return call
