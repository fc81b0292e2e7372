"""`make deploy STAGE=...`: what `sam deploy` is told of a release.

Prints, as YAML, a value for every parameter of the template, and the hash of all that makes the release. The first of
these that has a value decides:

1. what is given as an argument;
2. what samconfig.toml gives to the stage;
3. what the stage is deployed with, unless it is to be forgotten (--forget);
4. the template's default.

What changes is told on the standard error. By itself sam publishes a version only when a function's own code changes: a
new layer or parameter alone would not be released.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.deployed import DeployedError, deployed_parameters, moved_aliases, target
from local.stages import stages
from local.template import TEMPLATE

_HASH = "ReleaseHash"


class ReleaseError(Exception):
    """There is no such release; the text tells what to change."""


def parameters(
    stage: str, overrides: Mapping[str, str], deployed: Mapping[str, str], forget: Collection[str] = ()
) -> dict[str, str]:
    """Return the parameters of a release of a stage, its hash among them.

    `deployed` are those that the stage has now, and `forget` names those of them that it is not to keep. Raises
    KeyError for an unknown stage, and `ReleaseError` for a parameter that the template does not have, and for one that
    would be emptied though nobody says to forget it: a domain, a table or a bus would leave the stage.
    """
    defaults = _defaults()
    named = {**stages()[stage], **overrides}
    if unknown := {*named, *forget} - defaults.keys():
        raise ReleaseError(
            f"template.yaml has no parameter {', '.join(sorted(unknown))}. It has {', '.join(defaults)}."
        )
    kept = {name: value for name, value in deployed.items() if name in defaults and name not in forget}
    table = kept.get("ExistingTableName")
    if named.get("ExistingTableName", table) != table:
        # Another table has another stream: a rule of the template asks for its label.
        kept.pop("ExistingTableStream", None)
    chosen = {**defaults, **kept, **named}
    if emptied := [name for name, value in kept.items() if value and not chosen[name]]:
        was = ", ".join(f"{name} ({deployed[name]})" for name in emptied)
        raise ReleaseError(f'This would empty {was}. If that is meant, add FORGET="{" ".join(emptied)}".')
    return chosen | {_HASH: release_hash(ROOT, chosen)}


def report(
    stack: str, deployed: Mapping[str, str], release: Mapping[str, str], named: Collection[str]
) -> Iterator[str]:
    """Tell what a release makes of a stack's parameters, in lines for people.

    `named` are the parameters that samconfig.toml or the command names; the others stay as they are deployed.
    """
    if not deployed:
        yield f"{stack} is not deployed yet."
        return
    changed = [name for name in {**release, **deployed} if name != _HASH and release.get(name) != deployed.get(name)]
    yield f"{stack}: these parameters change." if changed else f"{stack}: no parameter changes."
    for name in changed:
        yield f"  {name}: {_shown(deployed.get(name, '(new)'))} -> {_shown(release.get(name, '(gone)'))}"
    stays = {name: value for name, value in _defaults().items() if name not in named and name not in changed}
    if kept := [f"{name}={release[name]}" for name, default in stays.items() if release[name] != default]:
        yield f"  Kept as deployed: {', '.join(kept)}"


@cache
def _defaults() -> Mapping[str, str]:
    return {
        name: str(body["Default"])
        for name, body in yaml_parse(TEMPLATE.read_text())["Parameters"].items()
        if name != _HASH
    }


def _shown(value: str) -> str:
    return value or "(empty)"


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


def main(words: Sequence[str]) -> dict[str, str]:
    """Return the release that a command line asks for, and tell what it changes; exits if there is no such release."""
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(prog="local.release", description="Print the parameters of a release.")
    parser.add_argument("stage", choices=stages())
    parser.add_argument("overrides", nargs="*", metavar="Name=value", type=_override)
    parser.add_argument("--forget", action="append", default=[], metavar="Name", help="do not keep what is deployed")
    parser.epilog = "Options of sam that say which stack it is follow after --."
    arguments = parser.parse_args(words[:end])
    overrides, of = dict(arguments.overrides), target(arguments.stage, words[end + 1 :])
    try:
        deployed = deployed_parameters(of)
        release = parameters(arguments.stage, overrides, deployed, arguments.forget)
        # CloudFormation sees no change then, and leaves an alias where somebody has put it.
        moved = moved_aliases(of) if deployed.get(_HASH) == release[_HASH] else []
    except (DeployedError, ReleaseError) as error:
        sys.exit(str(error))
    named = {**stages()[arguments.stage], **overrides}
    print(*report(of.stack, deployed, release, named), sep="\n", file=sys.stderr)
    for alias in moved:
        print(f"  {alias} It stays there, since this deploy changes nothing. To move it back:", file=sys.stderr)
        print(f"    {alias.command}", file=sys.stderr)
    return release


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:]), indent=1))  # JSON is YAML
