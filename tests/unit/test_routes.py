"""The entries of routes: each is registered, described and tried, and each error code is raised."""

import ast
import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from itertools import chain
from pkgutil import iter_modules

import pytest
from api import routes
from api.registrations import REGISTRATIONS
from api.route import AnyRoute, Route
from api.routes import all_routes
from openapi.text import TEXTS
from support.errors import Code

from local import ROOT
from tests.performance.routes import EVENTS_OF

CODE = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers" / "shared").rglob("*.py")]
PATH = f"{ROOT / 'functions'}:{ROOT / 'layers' / 'shared'}"
NOUNS = [module.name for module in iter_modules(routes.__path__)]


def entries(noun: str) -> dict[str, AnyRoute]:
    """Return the entries of a route module by their names in it."""
    module = import_module(f"api.routes.{noun}")
    return {name: value for name, value in vars(module).items() if isinstance(value, Route)}


def test_every_route_of_a_module_is_registered() -> None:
    written = chain.from_iterable(entries(noun).values() for noun in NOUNS)

    assert sorted(route.id for route in written) == sorted(route.id for route in all_routes())


def test_an_address_belongs_to_one_route() -> None:
    assert len({(route.method, route.path) for route in REGISTRATIONS.values()}) == len(REGISTRATIONS)


def test_a_cold_start_imports_no_route_and_no_request_before_it_is_called() -> None:
    imports = "import sys, api.app, api.snapshots; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", imports],
        env=os.environ | {"PYTHONPATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )

    modules = set(ended.stdout.split())
    assert "api.routes" in modules
    assert [name for name in modules if re.match(r"api\.(routes|domain|http\.requests)\.", name)] == []
    assert modules.isdisjoint({"jwt", "support.delivery"})


def test_every_route_is_described_once() -> None:
    assert sorted(TEXTS) == sorted(route.id for route in all_routes())


def test_every_route_is_measured() -> None:
    assert EVENTS_OF.keys() == REGISTRATIONS.keys(), "Call it in tests/performance/routes.py."


@pytest.mark.parametrize("noun", NOUNS)
def test_every_route_has_tests_of_its_own(noun: str) -> None:
    """They are in tests/integration/test_<module>*.py, and call its entry, or what calls it in tests/calls.py."""
    called: set[str] = set()
    for path in (ROOT / "tests" / "integration").glob(f"test_{noun}*.py"):
        called |= calls_of(ast.parse(path.read_text()))

    untested = [route.id for name, route in entries(noun).items() if f"{noun}.{name}" not in called]
    assert untested == [], f"Call it in tests/integration/test_{noun}*.py."


def calls_of(module: ast.Module) -> set[str]:
    """Return the entries that a module of tests uses, as `messages.SEND`."""
    return used(module, bindings(module))


def bindings(module: ast.Module) -> dict[str, set[str]]:
    """Return the names that a module defines or imports, and the entries that each of them uses."""
    names: dict[str, set[str]] = {}
    for node in module.body:
        if isinstance(node, ast.ImportFrom):
            names |= imported(node)
        elif isinstance(node, ast.FunctionDef):
            names[node.name] = used(node, names)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = used(node.value, names)
    return names


def imported(node: ast.ImportFrom) -> dict[str, set[str]]:
    """Return what imported names stand for: the entries of a module of routes, one entry, or those that a call uses."""
    package, _, noun = str(node.module).rpartition(".")
    found: dict[str, set[str]] = {}
    for entry in node.names:
        name = entry.asname or entry.name
        if node.module == "api.routes" and entry.name in NOUNS:
            found |= {f"{name}.{route}": {f"{entry.name}.{route}"} for route in entries(entry.name)}
        elif package == "api.routes":
            found[name] = {f"{noun}.{entry.name}"}
        elif node.module == "tests.calls":
            found[name] = calls().get(entry.name, set())
    return found


@cache
def calls() -> dict[str, set[str]]:
    """Return the entries that each call of tests/calls.py uses."""
    return bindings(ast.parse((ROOT / "tests" / "calls.py").read_text()))


def used(node: ast.AST, names: dict[str, set[str]]) -> set[str]:
    """Return the entries that a part of the code uses, by the names in it."""
    found = (ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute))
    return set().union(*(names.get(name, set()) for name in found))


@pytest.mark.parametrize("code", Code)
def test_every_error_code_is_raised(code: Code) -> None:
    assert any(re.search(rf"\bCode\.{code.name}\b", path.read_text()) for path in CODE)
