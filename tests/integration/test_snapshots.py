"""SnapStart's hooks, with the runtime's own module stood in for."""

import ast
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from api import snapshots
from api.registrations import REGISTRATIONS
from api.routes import load
from support.dynamodb.table import Table

from local import ROOT
from tests.builders import a_body, a_message
from tests.client import Stored, api_over
from tests.integration.proofs.proxy import proxying

Hooks = dict[str, Callable[[], object]]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """What is registered, by when it runs."""
    found: Hooks = {}
    module = ModuleType("snapshot_restore_py")
    for when in ("before_snapshot", "after_restore"):

        def register(hook: Callable[..., object], *args: object, when: str = when) -> None:
            found[when] = lambda: hook(*args)

        setattr(module, f"register_{when}", register)
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)
    return found


def test_without_snapstart_nothing_is_registered(database: Table, hooks: Hooks) -> None:
    snapshots.register(database)

    assert hooks == {}


def test_a_provisioned_environment_has_imported_all_routes_and_written_nothing(
    database: Table, hooks: Hooks, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")
    load.cache_clear()

    snapshots.register(database)

    assert load.cache_info().currsize == len(REGISTRATIONS)
    assert (hooks, stored()) == ({}, [])


def test_what_calls_import_later_is_imported_before() -> None:
    later, at_once = set[str](), set[str]()
    api, support = ROOT / "functions" / "api", ROOT / "layers" / "shared" / "support"
    # The table's client is there before any call.
    for path in [*api.rglob("*.py"), support / "dynamodb" / "client.py", support / "aws" / "client.py"]:
        tree = ast.parse(path.read_text())
        at_once |= {str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)}
        if path.is_relative_to(api) and path.name not in {"handler.py", "snapshots.py"}:
            inner = (node for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) for node in ast.walk(one))
            later |= {str(node.module) for node in inner if isinstance(node, ast.ImportFrom)}

    assert later - at_once <= set(snapshots._IMPORTED_LATER)


def test_a_copy_of_a_primed_environment_serves_and_priming_wrote_nothing(
    database: Table, hooks: Hooks, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    api = api_over(database)
    snapshots.register(database)

    hooks["before_snapshot"]()
    assert stored() == []
    hooks["after_restore"]()

    assert api(a_body(defaultTimelineItems=[a_message()])).status == 200
    assert len(stored()) == 2


def test_no_connection_goes_into_a_snapshot_or_comes_out_of_one(
    dynamodb: str, seeded_table: str, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setattr(snapshots, "_PRIMING_SECONDS", 60)
    with proxying(dynamodb) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
        database = Table(seeded_table, timeout_seconds=60)
        api = api_over(database)
        snapshots.register(database)

        opened = []
        for hook in ("before_snapshot", "after_restore"):
            hooks[hook]()
            assert api(a_body()).status == 200
            opened.append(proxy.connections)

    # What primed, and each request after a hook, had a connection of its own.
    assert opened == [2, 3]


def test_priming_survives_a_database_that_does_not_answer(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    monkeypatch.setattr(snapshots, "_PRIMING_SECONDS", 0.5)
    snapshots.register(Table("conversations-local", timeout_seconds=1))

    hooks["before_snapshot"]()
