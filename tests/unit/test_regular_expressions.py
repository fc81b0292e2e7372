"""No regular expression uses what Python 3.11.2, Debian 12's, matches wrongly.

Possessive quantifiers (`a++`, `a*+`, `a?+`, `a{2}+`) and atomic groups (`(?>a)`) came with Python 3.11, and its first
releases find other matches than later ones do. An expression that must not go back is split in two or becomes a loop.
"""

import ast
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from local import ROOT

FOLDERS = [ROOT / name for name in ("functions", "layers", "local", "tests")]
CODE = [path for folder in FOLDERS for path in folder.rglob("*.py") if path != Path(__file__)]


def never_goes_back(pattern: str | bytes) -> bool:
    """Tell whether a regular expression has a possessive quantifier or an atomic group; any other text has neither."""
    with redirect_stdout(io.StringIO()) as parsed, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # most strings of the code are not regular expressions
        try:
            re.compile(pattern, re.DEBUG)
        except (re.error, OverflowError):
            return False
    return re.search("POSSESSIVE_REPEAT|ATOMIC_GROUP", parsed.getvalue()) is not None


def strings(path: Path) -> Iterator[str | bytes]:
    """Give the strings of a module, those with values in them with a letter for each value."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value


@pytest.mark.parametrize("pattern", ["a++", "a*+", "a?+", "a{2}+", "[a-z]{1,3}+", r"\d++", "(?>a|ab)c", b"(?:a|b)++"])
def test_they_are_recognised(pattern: str | bytes) -> None:
    assert never_goes_back(pattern)


@pytest.mark.parametrize("pattern", ["a+", "a*?", r"\++", "[*+]+", "[a{2}+]", "(?:a+)+", r"\(?>", "(?=a+)", "a (++"])
def test_nothing_else_is_taken_for_one(pattern: str | bytes) -> None:
    assert not never_goes_back(pattern)


def test_no_expression_of_the_code_has_one() -> None:
    suspects = [(path, text) for path in CODE for text in strings(path) if re.search(r"[*+?}]\+|\(\?>", str(text))]

    assert len(CODE) > 200
    assert [(path.name, text) for path, text in suspects if never_goes_back(text)] == []
