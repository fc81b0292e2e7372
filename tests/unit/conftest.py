"""Unit tests have no network: whatever tries to use it fails."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

from tests import demo
from tests.client import Api, api_over
from tests.fakes import FakeTable

# No example is too slow: other tests share the processors. A failure in CI comes again on every run, and prints how to
# repeat it on another machine.
settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # asyncio's own pair of sockets
    yield
    enable_socket()


@pytest.fixture
def fake_table() -> FakeTable:
    """A table in memory that holds the demo data."""
    return FakeTable(demo.items())


@pytest.fixture
def api(fake_table: FakeTable) -> Api:
    """Call the function over that table (see tests/client.py)."""
    return api_over(fake_table)
