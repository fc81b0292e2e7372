"""What `sam build` makes of our own code, by the same makefiles; the runtime's Python is this one here."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import ROOT


@dataclass(frozen=True)
class Build:
    """A target of one of the makefiles, the package that it ships, and where Lambda has it."""

    folder: str
    resource: str
    package: str
    mount: str

    def into(self, folder: Path) -> dict[str, bytes]:
        """Build as SAM does, into a new folder, and return its files by their paths there."""
        folder.mkdir()
        subprocess.run(
            ["make", f"build-{self.resource}", f"ARTIFACTS_DIR={folder}", f"LAMBDA_PYTHON={sys.executable}"],
            cwd=ROOT / self.folder,
            check=True,
            timeout=60,
        )
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(
    params=[
        Build("functions", "ConversationsFunction", "api", "/var/task"),
        Build("functions", "OperatorsFunction", "operators", "/var/task"),
        Build("layers", "SharedLayer", "python/conversations", "/opt"),
    ],
    ids=lambda build: build.resource,
)
def build(request: pytest.FixtureRequest) -> Build:
    found: Build = request.param
    return found


def test_ships_the_package_and_nothing_else(build: Build, tmp_path: Path) -> None:
    built = build.into(tmp_path / "built")

    assert f"{build.package}/__init__.py" in built
    assert [path for path in built if not path.startswith(f"{build.package}/")] == []


def test_ships_bytecode_that_is_never_checked_and_knows_its_place_in_lambda(build: Build, tmp_path: Path) -> None:
    built = build.into(tmp_path / "built")

    for path in [path for path in built if path.endswith(".py")]:
        folder, _, name = path.rpartition("/")
        bytecode = built[f"{folder}/__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"]
        assert int.from_bytes(bytecode[4:8], "little") == 0b01  # PEP 552: hash-based and unchecked
        assert f"{build.mount}/{path}".encode() in bytecode


def test_gives_the_same_bytes_wherever_it_runs(build: Build, tmp_path: Path) -> None:
    assert build.into(tmp_path / "here") == build.into(tmp_path / "somewhere-else")


def test_the_docs_ship_with_the_models_that_they_describe(tmp_path: Path) -> None:
    built = Build("functions", "OpenApiFunction", "openapi", "/var/task").into(tmp_path / "built")

    assert {path.split("/")[0] for path in built} == {"openapi", "api"}
    roots = os.pathsep.join((str(tmp_path / "built"), str(ROOT / "layers" / "shared")))
    subprocess.run(
        [sys.executable, "-c", "import openapi.handler"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": roots},
        check=True,
        timeout=60,
    )
