"""The settings of a function, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from support.values.api_key import Mode


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of a function, as template.yaml defines it.

    `public_url` is what addresses of files begin with, before `/v1`; empty where that is the host of each request.
    """

    stage: str
    table_name: str
    timeout_seconds: int
    api_key_cache_seconds: int
    rate_limit_per_minute: int
    trusted_proxies: tuple[str, ...]
    retention_days: Mapping[Mode, int]
    files_bucket: str
    public_url: str

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the settings. Raises KeyError or ValueError at init, so that a deployment fails, not a request."""
        return cls(
            stage=os.environ["STAGE"],
            table_name=os.environ["TABLE_NAME"],
            timeout_seconds=int(os.environ["TIMEOUT_SECONDS"]),
            api_key_cache_seconds=int(os.environ["API_KEY_CACHE_SECONDS"]),
            rate_limit_per_minute=int(os.environ["RATE_LIMIT_PER_MINUTE"]),
            trusted_proxies=tuple(filter(None, os.environ["TRUSTED_PROXIES"].replace(" ", "").split(","))),
            retention_days={
                "live": int(os.environ["RETENTION_DAYS_LIVE"]),
                "test": int(os.environ["RETENTION_DAYS_TEST"]),
            },
            files_bucket=os.environ["FILES_BUCKET"],
            public_url=os.environ["PUBLIC_URL"].rstrip("/"),
        )


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a function needs that delivers to connections, as template.yaml defines it.

    `connections_url` is the address of the WebSocket API's stage, without a path behind it.
    """

    connections_table_name: str
    connections_url: str

    @classmethod
    def from_environment(cls) -> "LiveSettings":
        """Read the settings; raises KeyError."""
        return cls(
            connections_table_name=os.environ["CONNECTIONS_TABLE_NAME"],
            connections_url=os.environ["CONNECTIONS_URL"],
        )
