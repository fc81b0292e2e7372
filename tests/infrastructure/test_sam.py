"""What sam does by itself, from a clone: samconfig.toml's defaults, and the makefiles that `sam build` runs."""

import json
import os
import platform
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.stages import stages
from local.template import latest

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
MACHINE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
RELEASE = "file://.local/written-by-make-deploy.yaml"


def parameters(stage: str, command: str) -> dict[str, Any]:
    found: dict[str, Any] = CONFIG[stage][command]["parameters"]
    return found


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """What a build of the dependencies' layer leaves, with a stand-in for Python that notes what it is told."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n')
    python.chmod(0o755)
    built = tmp_path / "built"
    for trimmed in ("event_handler", "utilities/data_classes"):
        package = built / "python" / "aws_lambda_powertools" / trimmed
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    environment = {name: value for name, value in os.environ.items() if name != "ARCHITECTURE" and "MAKE" not in name}
    subprocess.run(
        ["make", "build-DependenciesLayer"],
        cwd=ROOT / "layers",
        env={**environment, "ARTIFACTS_DIR": str(built), "LAMBDA_PYTHON": str(python)},
        check=True,
        timeout=60,
    )
    return built


def test_sam_builds_for_the_machine_that_it_runs_on(layer: Path) -> None:
    assert f"--platform manylinux2014_{platform.machine()} " in (layer.parent / "told").read_text()


@pytest.mark.parametrize("command", ["local_invoke", "local_start_api"])
def test_sam_runs_what_it_built_at_the_stage_local(command: str, layer: Path) -> None:
    *overrides, built = parameters("default", command)["parameter_overrides"]

    assert built == f"file://.aws-sam/build/DependenciesLayer/{next(layer.glob('*.yaml')).name}"
    assert yaml_parse(next(layer.glob("*.yaml")).read_text()) == {"Architecture": MACHINE}
    assert MACHINE in TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]
    chosen = dict(override.split("=") for override in overrides)
    assert chosen["Stage"] == "local"
    assert chosen.keys() <= TEMPLATE["Parameters"].keys()


@pytest.mark.parametrize("command", ["local_invoke", "local_start_api"])
def test_sam_uses_the_table_of_make_run(command: str) -> None:
    environment = json.loads((ROOT / parameters("default", command)["env_vars"]).read_text())["Parameters"]

    assert environment["TABLE_NAME"] == latest().table_name()
    assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == "http://host.docker.internal:8000"
    assert parameters("default", command)["add_host"] == "host.docker.internal:host-gateway"
    # sam passes on what the template declares, and drops the rest.
    assert environment.keys() <= TEMPLATE["Globals"]["Function"]["Environment"]["Variables"].keys()


def test_sam_serves_beside_make_run() -> None:
    assert parameters("default", "local_start_api")["port"] != 3000


@pytest.mark.parametrize("stage", ["default", *stages()])
def test_sam_alone_deploys_nothing_and_names_who_does(stage: str) -> None:
    overrides = parameters(stage, "deploy")["parameter_overrides"]

    assert RELEASE in ([overrides] if isinstance(overrides, str) else overrides)
    assert "stack_name" in parameters(stage, "deploy")  # or that is what sam complains about


@pytest.mark.parametrize("folder", ["functions", "layers"])
def test_a_build_without_lambda_s_python_says_so_in_one_line(tmp_path: Path, folder: str) -> None:
    target = {"functions": "build-ConversationsFunction", "layers": "build-SharedLayer"}[folder]
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "uname", "cp", "mkdir", "find", "make"):
        found = subprocess.run(["/bin/sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
        (programs / name).symlink_to(found.stdout.strip())
    result = subprocess.run(
        [str(programs / "make"), target, f"ARTIFACTS_DIR={tmp_path}"],
        cwd=ROOT / folder,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode != 0
    [line] = result.stderr.splitlines()
    assert "python3.13 with pip must be on PATH" in line
