"""What is built for one processor is not deployed on another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import ROOT
from local.binaries import faults
from tests.cloudformation import CloudFormation


def a_module(folder: Path, machine: int, name: str = "pydantic_core.so") -> None:
    """Write the head of an ELF file of 64 bits, little-endian: a shared object for a machine."""
    path = folder / "DependenciesLayer" / "python" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little"))


def a_program(path: Path, line: str) -> Path:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", 183), ("x86_64", 62)])
def test_modules_of_the_processor_asked_for_pass(tmp_path: Path, architecture: str, machine: int) -> None:
    a_module(tmp_path, machine)
    a_module(tmp_path, machine, name="libffi.so.8")

    assert faults(tmp_path, architecture) == []


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", 62), ("x86_64", 183), ("arm64", 0)])
def test_a_module_of_another_processor_is_named(tmp_path: Path, architecture: str, machine: int) -> None:
    a_module(tmp_path, 183 if architecture == "arm64" else 62, name="right.so")
    a_module(tmp_path, machine)

    [fault] = faults(tmp_path, architecture)
    assert fault == f"DependenciesLayer/python/pydantic_core.so is not compiled for {architecture}."


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"<html>not a module</html>"])
def test_what_is_no_module_of_any_processor_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.so").write_bytes(content)

    assert faults(tmp_path, "arm64") == ["broken.so is not compiled for arm64."]


def test_a_build_without_any_module_is_no_build(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "arm64")

    assert "no compiled module" in fault


@pytest.mark.parametrize(
    ("deployed", "words", "architecture"),
    [
        pytest.param(None, [], "arm64", id="the template's"),
        pytest.param("x86_64", [], "x86_64", id="the deployed one"),
        pytest.param("x86_64", ["PARAMETERS=Architecture=arm64"], "arm64", id="the parameter"),
        pytest.param("arm64", ["ARCHITECTURE=x86_64"], "x86_64", id="make's variable"),
        pytest.param(
            None, ["ARCHITECTURE=arm64", "PARAMETERS=Architecture=x86_64"], "x86_64", id="the parameter before it"
        ),
        pytest.param("arm64", ["ARTIFACT_BUCKET=ours", "EXECUTION_ROLE=arn:1"], "arm64", id="by the account's role"),
    ],
)
def test_a_deployment_builds_for_its_own_processor(
    tmp_path: Path, cloudformation: CloudFormation, deployed: str | None, words: list[str], architecture: str
) -> None:
    """The programs that `make deploy` runs are stand-ins that note how they are called, but for our own."""
    if deployed is None:
        cloudformation.has_no_stack()
    else:
        cloudformation.parameters = {"Architecture": deployed}
    calls, released = tmp_path / "calls", tmp_path / "released"
    stand_in = a_program(
        tmp_path / "stand-in",
        f'echo "$ARCHITECTURE: $@" >>{calls}; [ "$1" != deploy ] || cp .local/written-by-make-deploy.yaml {released}',
    )
    for name in ("Makefile", "template.yaml", "samconfig.toml", "local", "functions", "layers"):
        (tmp_path / name).symlink_to(ROOT / name)
    for environment in (".venv/bin", ".local/sam"):
        (tmp_path / environment).mkdir(parents=True)
        (tmp_path / environment / ".ready").touch()
    (tmp_path / ".local" / "sam" / "bin").mkdir()
    for python in (".venv/bin/python", ".local/sam/bin/python"):
        a_program(
            tmp_path / python,
            f'[ "$2" != local.protect ] || exec {stand_in} "$@"\nexec {sys.executable} "$@"',
        )
    subprocess.run(
        ["make", "deploy", "STAGE=dev", f"SAM={stand_in}", f"LAMBDA_PYTHON={stand_in}", *words],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        check=True,
        timeout=60,
    )

    build, check, deploy, protect = calls.read_text().splitlines()
    assert build == f"{architecture}: build --no-cached --parameter-overrides Architecture={architecture}"
    assert check.endswith(f": -m local.binaries {architecture}")
    by_account = "ARTIFACT_BUCKET=ours" in words
    flags = "--s3-bucket ours --role-arn arn:1" if by_account else "--resolve-s3"
    assert deploy.endswith(f": deploy --config-env dev {flags}")
    assert protect.endswith(": -m local.protect dev")
    assert f'"Architecture": "{architecture}"' in released.read_text()
    assert not (tmp_path / ".local" / "written-by-make-deploy.yaml").exists()  # or sam would deploy it again by itself
