"""`make release`: the notes of a release, from CHANGELOG.md."""

import re
import sys
import tomllib

from local import ROOT

#: Under it is what an operator does between the version before and this one.
_UPGRADING = "### Upgrading"


class NotReleasedError(Exception):
    """There is no such release; the text tells what to change."""


def notes(changelog: str, tag: str, version: str) -> str:
    """Return what a changelog says of a version, whose tag it is to be.

    Raises NotReleasedError unless the tag is the version's, and the changelog has its date and says how to upgrade.
    """
    if tag != f"v{version}":
        raise NotReleasedError(f"The tag is {tag}, and the version in pyproject.toml {version}.")
    heading = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n(.*?)(?=^## |\Z)"
    found = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    if not found:
        raise NotReleasedError(f"Give {version} its date in CHANGELOG.md: ## {version} (YYYY-MM-DD).")
    if _UPGRADING not in found[1]:
        raise NotReleasedError(f"Say in CHANGELOG.md what to do between versions: '{_UPGRADING}' under {version}.")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    try:
        print(notes((ROOT / "CHANGELOG.md").read_text(), sys.argv[1], version), end="")
    except NotReleasedError as error:
        sys.exit(str(error))
