"""What `sam build` makes of our own code, by the same makefiles; the runtime's Python is this one here."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import aws_lambda_powertools
import botocore
import pytest

from local import ROOT
from local.offline import variables


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
        Build("functions", "FeedFunction", "feed", "/var/task"),
        Build("functions", "PublisherFunction", "publisher", "/var/task"),
        Build("layers", "SharedLayer", "python/support", "/opt"),
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


@pytest.mark.parametrize(
    ("function", "package", "used"),
    # The document is made of the API's models, erasures take the operators' events, and both checks are one.
    [
        ("OpenApiFunction", "openapi", "api"),
        ("ErasingFunction", "erasing", "operators"),
        ("ReleaseCheckFunction", "release_check", "check"),
    ],
)
def test_ships_with_the_package_that_it_uses(function: str, package: str, used: str, tmp_path: Path) -> None:
    built = Build("functions", function, package, "/var/task").into(tmp_path / "built")

    assert {path.split("/")[0] for path in built} == {package, used}
    roots = os.pathsep.join((str(tmp_path / "built"), str(ROOT / "layers" / "shared")))
    subprocess.run(
        [sys.executable, "-c", f"import {package}.app" if package == "erasing" else f"import {package}.handler"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": roots},
        check=True,
        timeout=60,
    )


#: pip, which installs some packages of this environment as the whole layer; all else is the Python that is named.
_INSTALLS = """#!/bin/sh
case "$*" in
*" pip install "*) mkdir -p "$ARTIFACTS_DIR/python" && cp -R {packages} "$ARTIFACTS_DIR/python/" ;;
*) exec "{python}" "$@" ;;
esac
"""

_CALLS = """
import os
import sys
import aws_lambda_powertools
import botocore
from openapi.document import build
from support import http_api
from support.dynamodb.actions import Change, Check, ConditionFailed, Insert
from support.aws.endpoints import dynamodb_url
from support.deadlines import Deadline
from support.dynamodb.table import TABLE, KeyRange, Table

assert "asyncio" not in sys.modules
assert http_api.create_router() and build()

assert botocore.__file__.startswith(sys.argv[2]), botocore.__file__
assert aws_lambda_powertools.__file__.startswith(sys.argv[2]), aws_lambda_powertools.__file__
table, deadline = Table(sys.argv[1], timeout_seconds=60), Deadline.after(60)
table.transact([Insert({"PK": "p", "SK": "s", "version": 1})], deadline)
try:
    table.transact([Check(("p", "s"), {"version": 7})], deadline)
except ConditionFailed as failure:
    assert failure.found[0]["version"] == 1
table.update(Change(("p", "s"), {"name": "n", "version": 2}, expected={"version": 1}), deadline)
assert table.get(("p", "s"), deadline)["version"] == 2
assert len(table.get_many([("p", "s"), ("p", "t")], deadline)) == 1
assert len(table.query(TABLE, "p", KeyRange.of_prefix("s"), deadline)) == 1
assert table.increment(("p", "counter"), 1) == 1

os.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
assert dynamodb_url("cn-north-1") == "https://dynamodb.cn-north-1.amazonaws.com.cn"
Table("t", timeout_seconds=60)  # reads botocore's CAs
"""


def test_what_the_layer_keeps_of_its_packages_is_enough(dynamodb: str, empty_table: str, tmp_path: Path) -> None:
    built, python = tmp_path / "built", tmp_path / "python"
    packages = " ".join(f"'{Path(str(one.__file__)).parent}'" for one in (aws_lambda_powertools, botocore))
    python.write_text(_INSTALLS.format(packages=packages, python=sys.executable))
    python.chmod(0o755)
    built.mkdir()
    layers = ROOT / "layers"
    variables_of_make = [f"ARTIFACTS_DIR={built}", f"LAMBDA_PYTHON={python}"]
    subprocess.run(["make", "build-DependenciesLayer", *variables_of_make], cwd=layers, check=True, timeout=120)

    data = built / "python" / "botocore" / "data"
    assert [path.name for path in data.iterdir()] == ["partitions.json"]
    ended = subprocess.run(
        [sys.executable, "-c", _CALLS, empty_table, str(built)],
        env={**variables(dynamodb), "PYTHONPATH": f"{built / 'python'}:{layers / 'shared'}:{ROOT / 'functions'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
