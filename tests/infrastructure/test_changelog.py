"""The notes of a release are what CHANGELOG.md says of it, and tell an operator what to do."""

import re

import pytest

from local import ROOT
from local.changelog import NotReleasedError, notes

CHANGELOG = """# Changelog

## 0.2.0 (unreleased)

## 0.1.0 (2026-12-01)

### Upgrading

Nothing.

## 0.0.1 (2026-11-01)

- Not to be deployed.
"""


def test_notes_are_those_of_the_version_alone() -> None:
    assert notes(CHANGELOG, "v0.1.0", "0.1.0") == "### Upgrading\n\nNothing.\n"


@pytest.mark.parametrize(
    ("tag", "version", "reason"),
    [
        ("v0.1.0", "0.2.0", "The tag is v0.1.0, and the version in pyproject.toml 0.2.0"),
        ("v0.2.0", "0.2.0", "Give 0.2.0 its date"),
        ("v0.3.0", "0.3.0", "Give 0.3.0 its date"),
        ("v0.0.1", "0.0.1", "Say in CHANGELOG.md what to do between versions"),
    ],
)
def test_a_version_that_is_not_ready_is_not_released(tag: str, version: str, reason: str) -> None:
    with pytest.raises(NotReleasedError, match=reason):
        notes(CHANGELOG, tag, version)


def test_every_version_says_what_an_operator_does() -> None:
    versions = re.split(r"(?m)^## ", (ROOT / "CHANGELOG.md").read_text())[1:]

    assert versions
    assert [text.partition("\n")[0] for text in versions if "### Upgrading\n" not in text] == []
