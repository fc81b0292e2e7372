"""What npm installs for `make run` and `make test`."""

import json
import re

from local import ROOT

FOLDER = ROOT / "local" / "npm"


def test_every_package_is_pinned_by_its_hash_and_by_no_registry_s_address() -> None:
    text = (FOLDER / "package-lock.json").read_text()
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}

    assert len(packages) >= 2
    for package in packages.values():
        assert re.fullmatch(r"sha512-[\w+/]{86}==", package["integrity"])
    assert "://" not in text


def test_what_we_ask_for_is_one_version_and_the_lock_s() -> None:
    asked = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]

    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
