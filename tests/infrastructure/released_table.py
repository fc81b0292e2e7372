"""The table of the last release, as deployed stages have it: released_table.json.

Run as a program, at a release, it writes template.yaml's table there.
"""

import json
from pathlib import Path
from typing import Any

from local.stages import expand, stages
from local.template import TEMPLATE, resolve

_FILE = Path(__file__).with_suffix(".json")

#: What no update changes in place: CloudFormation refuses it, or puts an empty table in its place. Another view type is
#: another stream, and another TTL attribute takes two updates with an hour between them.
FIXED = ("TableName", "KeySchema", "LocalSecondaryIndexes", "StreamSpecification", "TimeToLiveSpecification")

#: What an update changes within limits.
LIMITED = ("AttributeDefinitions", "GlobalSecondaryIndexes")

#: What may change in an index at any time.
_FREE = {"OnDemandThroughput"}


def released() -> dict[str, Any]:
    """Return the table of the last release."""
    table: dict[str, Any] = json.loads(_FILE.read_text())
    return table


def in_template(stage: str) -> dict[str, Any]:
    """Return the table that template.yaml gives to a stage, without what may change at any time."""
    table = resolve(expand(TEMPLATE.read_text()), stages()[stage])["Resources"]["Table"]["Properties"]
    indexes = [
        {name: value for name, value in index.items() if name not in _FREE} for index in table["GlobalSecondaryIndexes"]
    ]
    kept = {name: table[name] for name in (*FIXED, *LIMITED) if name in table}
    return kept | {"GlobalSecondaryIndexes": indexes}


def refused_changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what keeps one stack update from leading from one table to another, as texts for people."""
    old, new = ({index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]} for table in (before, after))
    types_before, types_after = (
        {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]}
        for table in (before, after)
    )
    made_or_removed = sorted(old.keys() ^ new.keys())
    return [
        *(f"{name} is not as released" for name in FIXED if before.get(name) != after.get(name)),
        *(f"the index {name} is not as released" for name in sorted(old.keys() & new.keys()) if old[name] != new[name]),
        *(
            f"the type of {name} is not as released"
            for name in sorted(types_before.keys() & types_after.keys())
            if types_before[name] != types_after[name]
        ),
        # DynamoDB API, UpdateTable: one creation or deletion of a global index at a time.
        *([f"more than one global index is made or removed: {made_or_removed}"] if len(made_or_removed) > 1 else []),
    ]


if __name__ == "__main__":
    _FILE.write_text(json.dumps(in_template("prod"), indent=2) + "\n")
