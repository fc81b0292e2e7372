"""`make deploy STAGE=...`: what `sam deploy` is told of a release.

Prints the stage's parameters of samconfig.toml, those given as arguments (which win), and the hash of all that makes
the release, one `Name=value` a line. SAM by itself publishes a version when a function's own code changes: a new layer
or parameter alone would not be released.
"""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

from local import ROOT
from local.stages import stages


def parameters(stage: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a release of a stage, its hash among them; raises KeyError for an unknown stage."""
    chosen = {**stages()[stage], **overrides}
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="local.release", description="Print the parameters of a release.")
    parser.add_argument("stage", choices=stages())
    parser.add_argument("overrides", nargs="*", metavar="Name=value")
    arguments = parser.parse_args()
    release = parameters(arguments.stage, dict(override.split("=", 1) for override in arguments.overrides))
    print(*(f"{name}={value}" for name, value in release.items()), sep="\n")
