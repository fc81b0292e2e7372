"""The hash that makes a release: everything that is deployed moves it, and nothing else does.

Which parameters a release has, once its stage is deployed, is in test_deployed_parameters.py.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.release import ReleaseError, parameters, release_hash

PARAMETERS = {"Stage": "dev", "RateLimitPerMinute": "60"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of what is released."""
    shutil.copy(ROOT / "template.yaml", tmp_path)
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    [
        "template.yaml",
        "functions/api/domain/conversations.py",
        "layers/shared/support/values/api_key.py",
        "layers/dependencies/requirements.txt",
        "layers/Makefile",
    ],
)
def test_a_changed_file_changes_it(root: Path, changed: str) -> None:
    before = release_hash(root, PARAMETERS)
    (root / changed).write_text((root / changed).read_text() + "\n")

    assert release_hash(root, PARAMETERS) != before


def test_a_changed_parameter_changes_it(root: Path) -> None:
    assert release_hash(root, PARAMETERS) != release_hash(root, PARAMETERS | {"RateLimitPerMinute": "61"})


def test_a_renamed_file_changes_it(root: Path) -> None:
    before = release_hash(root, PARAMETERS)
    (root / "functions/api/domain/ids.py").rename(root / "functions/api/domain/identifiers.py")

    assert release_hash(root, PARAMETERS) != before


def test_no_change_keeps_it_wherever_it_is(root: Path) -> None:
    cache = root / "functions" / "api" / "__pycache__"
    cache.mkdir()
    (cache / "service.cpython-313.pyc").write_bytes(b"bytecode")

    assert release_hash(root, PARAMETERS) == release_hash(ROOT, dict(reversed(PARAMETERS.items())))


def test_a_release_has_its_stages_parameters_and_those_asked_for() -> None:
    release = parameters("prod", {"TableMaxUnits": "7", "AlarmEmail": "on-call@example.com"}, {})

    assert (release["Stage"], release["TableMaxUnits"]) == ("prod", "7")
    assert release["AlarmEmail"] == "on-call@example.com"
    assert len(release["ReleaseHash"]) == 64
    assert release["ReleaseHash"] != parameters("prod", {}, {})["ReleaseHash"]


def test_a_first_release_says_the_value_of_every_parameter() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())

    release = parameters("dev", {}, {})

    assert release.keys() == template["Parameters"].keys()
    assert release["RateLimitPerMinute"] == str(template["Parameters"]["RateLimitPerMinute"]["Default"])
    assert release["AlarmEmail"] == ""


@pytest.mark.parametrize("named", ["overrides", "forget"])
def test_an_unknown_parameter_stops_a_release(named: str) -> None:
    given: dict[str, Any] = {"overrides": {}, named: {"AlarmEmial": "on-call@example.com"}}

    with pytest.raises(ReleaseError, match=r"no parameter AlarmEmial\. It has .*AlarmEmail"):
        parameters("dev", deployed={}, **given)
