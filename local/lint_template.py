"""Lints account.yaml, the templates in docs, and template.yaml: as it is, expanded by SAM, and as each stage gets it.

cfn-lint does not expand SAM, so that it alone (and `sam validate --lint`, which is cfn-lint) passes a reference to
nothing inside a function's or an API's properties.
"""

import json
import sys
from collections.abc import Iterator, Sequence

from cfnlint.api import ManualArgs, lint
from samtranslator.model.exceptions import InvalidDocumentException

from local import ROOT
from local.stages import expand, stages
from local.template import REGION, TEMPLATE, resolve


def faults(template: str) -> list[str]:
    """Return what is wrong with a SAM template, given as YAML: errors and warnings, one line each."""
    try:
        expanded = expand(template)
    except InvalidDocumentException as refusal:
        return [f"SAM: {cause.message}" for cause in refusal.causes]
    return [
        *_faults("template.yaml", template),
        # SAM puts values in place of the parameters it reads (W2001), and conditions inside of the same ones (W1028).
        *_faults("expanded", json.dumps(expanded), ignored=["W1028", "W2001"]),
    ]


def faults_by_stage(template: str) -> list[str]:
    """Return what is wrong with the template in one of the stages, given as YAML; it has no fault of its own."""
    expanded = expand(template)
    return [
        fault
        for stage, parameters in stages().items()
        for fault in _faults(stage, json.dumps(resolve(expanded, parameters)))
    ]


def recipe_faults() -> list[str]:
    """Return what is wrong with the templates in docs, which people deploy as they are."""
    recipes = sorted((ROOT / "docs").glob("*.yaml"))
    return [fault for recipe in recipes for fault in _faults(recipe.name, recipe.read_text())]


def _faults(source: str, text: str, ignored: Sequence[str] = ()) -> Iterator[str]:
    for match in lint(text, config=ManualArgs(regions=[REGION], ignore_checks=list(ignored))):
        yield f"{source}: {match}"


if __name__ == "__main__":
    text = TEMPLATE.read_text()
    account = (ROOT / "account.yaml").read_text()
    found = [*_faults("account.yaml", account), *(faults(text) or faults_by_stage(text)), *recipe_faults()]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
