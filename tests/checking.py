"""The check of the API, by its handler in place of its address."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.app import create_handler
from check.loop import Call
from support.dynamodb.table import Table
from support.store.api_keys import KeyRing

from tests.builders import SETTINGS, Context
from tests.client import a_limiter
from tests.fakes import nobody_is_connected


def through(table: Table) -> Call:
    """Call the API's handler over a table, where test keys have the retention of the template."""
    settings = replace(SETTINGS, retention_days={"live": 0, "test": 30})
    handler = create_handler(table, KeyRing(table, 60), a_limiter(table, 0), settings, nobody_is_connected)

    def call(method: str, path: str, headers: Mapping[str, str], body: object) -> tuple[int, Any]:
        event = {
            "rawPath": path,
            "headers": dict(headers),
            "requestContext": {"http": {"method": method, "sourceIp": "203.0.113.7"}},
            **({} if body is None else {"body": json.dumps(body)}),
        }
        response = handler(event, Context())
        return response["statusCode"], json.loads(response["body"])

    return call
