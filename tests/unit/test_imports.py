"""Imports go one way: the table in docs/design.md is that of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT

ROOTS = (ROOT / "functions", ROOT / "layers" / "shared")

#: These stand alone: they call the API from outside.
APART = {"check", "public_check", "release_check"}


def modules() -> dict[str, Path]:
    """Return all modules of the product by name."""
    found = {}
    for root in ROOTS:
        for path in root.rglob("*.py"):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            if name.split(".")[0] not in APART:
                found[name] = path
    return found


MODULES = modules()


def imported(name: str) -> Iterator[str]:
    """Give the other modules of the product that a module imports."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for entry in node.names:
                whole = f"{node.module}.{entry.name}"
                found = whole if whole in MODULES else node.module
                if found in MODULES and found != name and "." in found:
                    yield found


def rows() -> dict[str, int]:
    """Return the row of each module of the table, counted from the bottom; a package stands for its modules."""
    text = (ROOT / "docs" / "design.md").read_text().partition("## Imports go one way")[2]
    cells = re.findall(r"^\| [^|]+ \| (`[^|]+`) \|$", text, re.MULTILINE)
    return {name: row for row, cell in enumerate(reversed(cells)) for name in re.findall(r"`([a-z_.]+)`", cell)}


ROWS = rows()


def row_of(name: str) -> int:
    """Return the row of a module, or of the nearest package that the table names."""
    return ROWS[name] if name in ROWS else row_of(name[: name.rindex(".")])


@pytest.mark.parametrize("name", sorted(name for name in MODULES if "." in name))
def test_a_module_imports_nothing_from_a_row_above_its_own(name: str) -> None:
    assert [other for other in imported(name) if row_of(other) > row_of(name)] == []


def test_there_is_no_circle() -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in imported(name):
                visit(other, (*way, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def test_the_table_names_only_what_there_is() -> None:
    assert ROWS.keys() <= MODULES.keys()
