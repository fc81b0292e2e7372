"""What `make` runs of the tests while somebody works on the code, and what every night."""

import os
import subprocess

from local import ROOT


def recipe(*arguments: str) -> str:
    """Return the commands that make would run."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTEST_ADDOPTS", "MAKEFLAGS"}}
    return subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, env=kept, capture_output=True, text=True, check=True
    ).stdout


def test_coverage_is_measured_where_it_is_asked_for_and_every_night() -> None:
    assert " --cov " in recipe("coverage")
    assert "--cov" not in recipe("test")
    assert "make coverage" in (ROOT / ".github" / "workflows" / "nightly.yml").read_text()
