"""`make deploy STAGE=...`: what `sam deploy` is told of a release.

Prints, as YAML, every parameter of the template: its default, what samconfig.toml gives to the stage, or what is given
as an argument, the last of which wins; and the hash of all that makes the release. sam keeps the value of the last
deploy for a parameter that it is not told, even where a default has changed since. And by itself it publishes a version
when a function's own code changes: a new layer or parameter alone would not be released.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.stages import stages
from local.template import TEMPLATE


def parameters(stage: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a release of a stage, its hash among them.

    Raises KeyError for an unknown stage, and ValueError for a parameter that the template does not have.
    """
    known: dict[str, str] = {
        name: str(body["Default"])
        for name, body in yaml_parse(TEMPLATE.read_text())["Parameters"].items()
        if name != "ReleaseHash"
    }
    chosen = {**known, **stages()[stage], **overrides}
    if unknown := chosen.keys() - known.keys():
        raise ValueError(f"template.yaml has no parameter {', '.join(sorted(unknown))}. It has {', '.join(known)}.")
    return chosen | {"ReleaseHash": release_hash(ROOT, chosen)}


def release_hash(root: Path, parameters: Mapping[str, str]) -> str:
    """Return the hash of the functions and layers under a folder, its template and the parameters.

    The layers hold the lock of the dependencies, and that the hashes of their files.
    """
    digest = hashlib.sha256()
    for path in [root / "template.yaml", *sorted(_sources(root / "functions")), *sorted(_sources(root / "layers"))]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root)}={content}\n".encode())
    for name, value in sorted(parameters.items()):
        digest.update(f"{name}={value!r}\n".encode())
    return digest.hexdigest()


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _override(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not Name=value")
    return name, value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="local.release", description="Print the parameters of a release.")
    parser.add_argument("stage", choices=stages())
    parser.add_argument("overrides", nargs="*", metavar="Name=value", type=_override)
    arguments = parser.parse_args()
    try:
        release = parameters(arguments.stage, dict(arguments.overrides))
    except ValueError as error:
        sys.exit(str(error))
    print(json.dumps(release, indent=1))  # JSON is YAML
