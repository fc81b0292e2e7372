"""One table, and one proxy before it, for all proofs of a module. Each proof begins with the demo data alone."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from api.app import create_handler
from support.dynamodb.client import DynamoDB
from support.dynamodb.table import Table
from support.store.api_keys import KeyRing

from local.dynamodb import connect, create_table
from local.template import latest
from tests import demo
from tests.builders import SETTINGS, Context, an_event
from tests.client import Api, Response, a_limiter, api_over
from tests.integration.proofs.proxy import Proxy, proxying
from tests.samples import SOAK
from tests.stored import InDynamoDB, Storage, reset

#: Calls the function once, a new instance of it: `ask(body, headers, timeout_seconds=5)`, `ask(route=..., query=...)`.
Ask = Callable[..., Response]

#: What a silent call takes of a function whose timeout is a second, the shortest one here.
_CALL_SECONDS = 0.1


@pytest.fixture(scope="session")
def soak() -> int:
    """By what `make soak` multiplies the counts."""
    return SOAK


@pytest.fixture
def seed_number(soak: int) -> int:
    """What the random choices follow from; a failing test shows it, and SEED=<it> repeats them."""
    number = int(os.environ.get("SEED") or (uuid.uuid4().int % 10**9 if soak > 1 else 1))
    print(f"SEED={number}")  # noqa: T201
    return number


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The id of a conversation of the test's own."""
    return f"c{abs(hash(request.node.name)):x}"


@pytest.fixture(scope="module")
def module_table(dynamodb: str) -> Iterator[str]:
    """The name of a table that is of these proofs alone: what is late or was killed writes into no other one."""
    name = f"proofs-{uuid.uuid4()}"
    create_table(dynamodb, name, latest().table())
    demo.write(dynamodb, name)
    yield name
    connect(dynamodb).delete_table(TableName=name)


@pytest.fixture
def seeded_table(dynamodb: str, module_table: str) -> str:
    """That table with the demo data alone. What proofs before it have left would be read by each, again and again."""
    reset(dynamodb, module_table, demo.items())
    return module_table


@pytest.fixture
def storage(dynamodb: str, seeded_table: str) -> Storage:
    return InDynamoDB(dynamodb, seeded_table)


@pytest.fixture(scope="module")
def module_proxy(dynamodb: str) -> Iterator[Proxy]:
    with proxying(dynamodb) as proxy, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
        yield proxy


@pytest.fixture
def proxy(module_proxy: Proxy, seeded_table: str) -> Iterator[Proxy]:  # noqa: ARG001 (what is behind it)
    """What the function takes for DynamoDB."""
    module_proxy.lift()
    yield module_proxy
    module_proxy.lift()


@pytest.fixture
def other(dynamodb: str, seeded_table: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Api:  # noqa: ARG001
    """Another instance of the function, past the proxy."""
    with monkeypatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
        return api_over(Table(seeded_table, timeout_seconds=60))


@pytest.fixture(scope="module")
def tables(module_proxy: Proxy, module_table: str) -> dict[int, Table]:  # noqa: ARG001 (sets the endpoint)
    """The function's view of the table, by the function's timeout in seconds.

    With the longest one, a call waits for as long as a busy machine takes: what happens meanwhile is not a timeout.
    """
    tables = {seconds: Table(module_table, seconds) for seconds in (1, 5, 10)}
    tables[10]._database = DynamoDB(timeout_seconds=60)
    return tables


class Clock:
    """The time of deadlines, in which calls of DynamoDB and waits take theirs, and a slow machine takes none."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._waited = 0.0

    def monotonic(self) -> float:
        return len(self._proxy.calls) * _CALL_SECONDS + self._waited

    def sleep(self, seconds: float) -> None:
        self._waited += seconds
        time.sleep(seconds)


@pytest.fixture
def clock(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(proxy)
    monkeypatch.setattr("support.deadlines.time", clock)
    return clock


@pytest.fixture
def ask(clock: Clock, tables: dict[int, Table]) -> Ask:  # noqa: ARG001 (by it)
    def call(
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: int = 10,
        rate_limit: int = 0,
        **event: Any,
    ) -> Response:
        table = tables[timeout_seconds]
        handler = create_handler(table, KeyRing(table, cache_seconds=60), a_limiter(table, rate_limit), SETTINGS)
        return Response.of(handler(an_event(body, headers, **event), Context(timeout_seconds * 1000)))

    return call
