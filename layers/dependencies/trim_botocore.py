"""Reduces botocore's data to what our calls of DynamoDB need: `python trim_botocore.py <site-packages>`.

botocore reads the whole model of a service, and the endpoints of all services, on each cold start.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

#: What conversations/table.py calls.
OPERATIONS = ("BatchGetItem", "GetItem", "Query", "TransactWriteItems", "UpdateItem")
#: botocore discovers endpoints through it where an account wants that.
_ALSO = ("DescribeEndpoints",)


def main(packages: Path) -> None:
    """Trim the botocore in a folder of packages."""
    data = packages / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name != "dynamodb":
            shutil.rmtree(folder)
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: value for name, value in partition["services"].items() if name == "dynamodb"}
    _write(data / "endpoints.json", endpoints)
    shutil.rmtree(data / "dynamodb" / "2011-12-05")
    for version in (data / "dynamodb").iterdir():
        model, rules = (_read(version / f"{name}.json.gz") for name in ("service-2", "endpoint-rule-set-1"))
        shutil.rmtree(version)
        version.mkdir()
        _write(version / "service-2.json", trimmed(model))
        _write(version / "endpoint-rule-set-1.json", rules)


def _read(packed: Path) -> Any:
    return json.loads(gzip.decompress(packed.read_bytes()))


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))


def trimmed(model: dict[str, Any]) -> dict[str, Any]:
    """Return a service's model with our operations and the shapes that they reach, without documentation."""
    operations = {name: model["operations"][name] for name in (*OPERATIONS, *_ALSO)}
    shapes: dict[str, Any] = {}
    pending = [operations]
    while pending:
        for name in _references(pending.pop()):
            if name not in shapes:
                shapes[name] = model["shapes"][name]
                pending.append(shapes[name])
    result: dict[str, Any] = _without_documentation({**model, "operations": operations, "shapes": shapes})
    return result


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["shape"]] if isinstance(value.get("shape"), str) else []
        return own + [name for entry in value.values() for name in _references(entry)]
    if isinstance(value, list):
        return [name for entry in value for name in _references(entry)]
    return []


def _without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_documentation(entry)
            for name, entry in value.items()
            if name != "documentation" or isinstance(entry, dict)
        }
    return [_without_documentation(entry) for entry in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
