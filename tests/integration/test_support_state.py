"""The route that widgets ask for feature flags and an onboarding."""

import pytest
from api.routes import support_state
from support.dynamodb.table import Table

from tests.builders import private, public
from tests.client import Api, Emitted


@pytest.mark.parametrize("headers", [private(), public()], ids=["private", "public"])
def test_there_are_no_flags_and_no_onboarding(
    api: Api, database: Table, emitted: Emitted, headers: dict[str, str]
) -> None:
    api(None, headers, route=support_state.GET)
    database.usage.calls = 0
    emitted()

    response = api(None, headers, route=support_state.GET)

    assert (response.status, response.body) == (200, {"featureFlags": [], "onboarding": {"steps": {}}})
    [line] = [line for line in emitted() if line.get("message") == "request"]
    assert line["database_calls"] == 0
