"""The modules of local/page that need no browser, under npm's Node.js."""

import subprocess
from pathlib import Path

import pytest

_TESTS = sorted((Path(__file__).parent / "page").glob("*.test.js"))


@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.name)
def test_a_module_of_the_page(path: Path) -> None:
    told = subprocess.run(["node", "--test", path], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout
