"""What `make` runs of the tests while somebody works on the code."""

import os
import subprocess

import pytest

from local import ROOT


def recipe(*arguments: str, **environment: str) -> str:
    """Return the commands that make would run."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTEST_ADDOPTS", "MAKEFLAGS"}}
    return subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=True
    ).stdout


def test_the_whole_run_is_asked_for_its_coverage() -> None:
    assert " --cov " in recipe("test")


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["PYTEST_ADDOPTS=-k origins"], {}), ([], {"PYTEST_ADDOPTS": "-k origins"})],
    ids=["given to make", "in the environment"],
)
def test_a_selection_is_not_asked_for_its_coverage(arguments: list[str], environment: dict[str, str]) -> None:
    assert "--cov" not in recipe("test", *arguments, **environment)


def test_the_unit_tests_are_not_asked_for_their_coverage() -> None:
    assert "--cov" not in recipe("unit")
    assert "tests/unit" in recipe("unit")
