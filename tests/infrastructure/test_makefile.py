"""What make can't do here is said in one line, before anything is installed."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local import ROOT
from local.ports import free_port

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which nothing is installed, in a folder whose path has a space."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("Makefile", "template.yaml", "samconfig.toml", "local", "functions", "layers"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture
def make(clone: Path, tmp_path: Path) -> Make:
    """Run make in the clone, on a machine that has this Python as python3 and nothing else that matters."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "uname", "rm", "make"):
        (programs / name).symlink_to(shutil.which(name) or name)
    version = "import sys; sys.version_info = (3, 11); exec(sys.argv[1])"
    (programs / "python3").write_text(f"#!/bin/sh\nexec {sys.executable} -c '{version}' \"$2\"\n")
    (programs / "python3").chmod(0o755)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
        return subprocess.run(
            [programs / "make", *words],
            cwd=clone,
            env={**environment, "PATH": str(programs)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("target", ["build", "invoke", "start-api", "rehearse", "bench"])
def test_what_needs_lambda_s_python_says_so_first(make: Make, clone: Path, target: str) -> None:
    result = make(target)

    assert result.returncode != 0
    [line] = result.stdout.splitlines()
    assert "python3.13 with pip must be on PATH" in line
    assert not (clone / ".local").exists()
    assert not (clone / ".venv").exists()


def test_what_needs_a_browser_says_how_to_get_one_first(make: Make, clone: Path) -> None:
    result = make("test-browser")

    assert result.returncode != 0
    assert result.stdout == "This needs Chromium or Chrome: apt install chromium, or CHROMIUM=/path/to/it.\n"
    assert not (clone / ".local").exists()
    assert not (clone / ".venv").exists()


def test_a_deploy_looks_at_the_stack_that_sam_changes_before_anything_is_built(make: Make, clone: Path) -> None:
    for folder in (".venv/bin", ".local/sam"):
        (clone / folder).mkdir(parents=True)
        (clone / folder / ".ready").touch()
    python = clone / ".local" / "sam" / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$@" >asked\nexit 1\n')
    python.chmod(0o755)

    result = make(
        *("deploy", "STAGE=dev", "PARAMETERS=SnapStart=on", "FORGET=DomainName CertificateArn"),
        *("SAM_FLAGS=--region eu-west-1", "LAMBDA_PYTHON=python3.13"),
    )

    assert result.returncode != 0
    assert (clone / "asked").read_text().split() == [
        *("-m", "local.release", "--forget=DomainName", "--forget=CertificateArn", "dev", "SnapStart=on"),
        *("--", "--region", "eu-west-1"),
    ]
    assert not (clone / ".aws-sam").exists()


def test_a_reset_takes_the_data_of_one_instance_and_nothing_else(make: Make, clone: Path) -> None:
    port, another = free_port(), 8000
    for folder in (f".local/data/{port}", f".local/data/{another}", ".local/npm"):
        (clone / folder).mkdir(parents=True)

    result = make("reset", f"DYNAMODB_PORT={port}")

    assert (result.returncode, result.stdout) == (0, "")
    assert {str(path.relative_to(clone)) for path in (clone / ".local").rglob("*")} == {
        ".local/data",
        f".local/data/{another}",
        ".local/npm",
    }


def test_a_reset_leaves_a_running_instance_alone(make: Make, clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as running:
        port = running.getsockname()[1]
        data = clone / ".local" / "data" / str(port)
        data.mkdir(parents=True)

        result = make("reset", f"DYNAMODB_PORT={port}")

    assert result.returncode != 0
    assert "Stop 'make run' first." in result.stdout
    assert data.exists()
