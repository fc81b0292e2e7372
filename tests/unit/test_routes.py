"""The entries of routes: each is registered, described and tried, and each error code is raised."""

import ast
import re
from importlib import import_module
from itertools import chain
from pathlib import Path
from pkgutil import iter_modules

import pytest
from api import routes
from api.route import AnyRoute, Route
from api.routes import ROUTES
from openapi.text import TEXTS
from support.errors import Code

from local import ROOT

CODE = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers" / "shared").rglob("*.py")]
NOUNS = [module.name for module in iter_modules(routes.__path__)]


def entries(noun: str) -> dict[str, AnyRoute]:
    """Return the entries of a route module by their names in it."""
    module = import_module(f"api.routes.{noun}")
    return {name: value for name, value in vars(module).items() if isinstance(value, Route)}


def test_every_route_of_a_module_is_registered() -> None:
    written = chain.from_iterable(entries(noun).values() for noun in NOUNS)

    assert sorted(route.id for route in written) == sorted(route.id for route in ROUTES)


def test_an_id_and_an_address_belong_to_one_route() -> None:
    assert len({route.id for route in ROUTES}) == len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_every_route_is_described_once() -> None:
    assert sorted(TEXTS) == sorted(route.id for route in ROUTES)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_route_has_tests_of_its_own(noun: str) -> None:
    """They are in files that begin with the name of its module, and name its entry, its verb or its helper."""
    named: set[str] = set()
    for path in (ROOT / "tests" / "integration").glob(f"test_{noun}*.py"):
        named |= names_in(path)

    written = entries(noun).items()
    assert [route.id for name, route in written if not {name, name.lower(), last_part(route)} & named] == []


def last_part(route: AnyRoute) -> str:
    return route.path.rpartition("/")[2]


def names_in(path: Path) -> set[str]:
    """Return the names of a module's code, and its texts."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names


@pytest.mark.parametrize("code", Code)
def test_every_error_code_is_raised(code: Code) -> None:
    assert any(re.search(rf"\bCode\.{code.name}\b", path.read_text()) for path in CODE)
