"""`make openapi`: writes the OpenAPI document that the tests hold the API to, and names what breaks its clients."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import canonicalize
from jsonschema_rs.canonical import Containment
from openapi.document import build

from local import ROOT

COMMITTED = ROOT / "tests" / "contract" / "openapi.json"


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Name each change from one document to another that may break a client of the old one.

    Of a request it is what is no longer accepted or understood, of an answer what is no longer promised. What can't be
    proven harmless counts as breaking.
    """
    return list(_Comparison(old, new).run())


class _Comparison:
    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._old, self._new = old, new

    def run(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, before in methods.items():
                after = self._new["paths"].get(path, {}).get(method)
                for change in ["removed"] if after is None else self._operations(before, after):
                    yield f"{method.upper()} {path}: {change}"

    def _operations(self, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
        yield from self._parameters(before, after)
        yield from self._bodies(before.get("requestBody"), after.get("requestBody"))
        yield from self._answers(before["responses"], after["responses"])

    def _bodies(self, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Iterator[str]:
        if before is not None and after is not None:
            yield from self._schemas("request", _content(before), _content(after))
        elif before is not None:
            yield "request: removed"
        elif after is not None and after.get("required"):
            yield "request: newly required"

    def _parameters(self, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
        old, new = (
            {f"{p['in']} {p['name']}": p for p in operation.get("parameters", [])} for operation in (before, after)
        )
        for name in old:
            if name not in new:
                yield f"request {name}: removed"
            else:
                yield from self._schemas(f"request {name}", old[name]["schema"], new[name]["schema"])
        for name, parameter in new.items():
            if parameter.get("required") and not old.get(name, {}).get("required"):
                yield f"request {name}: newly required"
        if gone := [scheme for scheme in before["security"] if scheme not in after["security"]]:
            yield f"security {gone}: removed"

    def _answers(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
        for status in old.keys() & new.keys():
            yield from self._schemas(f"answer {status}", _content(old[status]), _content(new[status]), responses=True)
            for name in old[status].get("headers", {}).keys() - new[status].get("headers", {}).keys():
                yield f"answer {status} header {name}: removed"

    def _schemas(self, where: str, old: Any, new: Any, *, responses: bool = False) -> Iterator[str]:
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if "properties" in old and "properties" in new and "allOf" not in old:
            yield from self._objects(where, old, new, responses)
        elif (branches := _branches(old)) and (others := _branches(new)):
            for key in branches.keys() & others.keys():
                yield from self._schemas(where, branches[key], others[key], responses=responses)
            if not responses and (gone := branches.keys() - others.keys()):
                yield f"{where}: no longer {', '.join(sorted(gone))}"
            if responses and (added := others.keys() - branches.keys()):
                yield f"{where}: may now be {', '.join(sorted(added))}"
        else:
            if "items" in old and "items" in new:
                yield from self._schemas(f"{where}[]", old["items"], new["items"], responses=responses)
                old, new = {**old, "items": True}, {**new, "items": True}
            wide, narrow = (old, new) if responses else (new, old)
            documents = (self._old, self._new) if responses else (self._new, self._old)
            if not _covers(*(_whole(d, s) for d, s in zip(documents, (wide, narrow), strict=True))):
                yield f"{where}: {'may now be more than before' if responses else 'narrower than before'}"

    def _objects(self, where: str, old: dict[str, Any], new: dict[str, Any], responses: bool) -> Iterator[str]:
        for name, schema in old["properties"].items():
            if name not in new["properties"]:
                yield f"{where}.{name}: removed"
            else:
                yield from self._schemas(f"{where}.{name}", schema, new["properties"][name], responses=responses)
        required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(
            (required[0] - required[1]) & new["properties"].keys() if responses else required[1] - required[0]
        ):
            yield f"{where}.{name}: {'may now be left out' if responses else 'newly required'}"


def _content(body: dict[str, Any]) -> Any:
    return body["content"]["application/json"]["schema"]


def _resolved(document: dict[str, Any], schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {} if schema else {"not": {}}
    if "$ref" in schema:
        return _resolved(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return schema


def _branches(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a union by what they are called, or else what they are."""
    union = schema.get("anyOf") or schema.get("oneOf") or []
    return {member.get("$ref", member.get("type", "")).rsplit("/", 1)[-1]: member for member in union}


def _whole(document: dict[str, Any], schema: Any) -> Any:
    """Return a schema with what it refers to. Most refer to nothing, and to compare the components takes long."""
    return {**schema, "components": document["components"]} if "$ref" in json.dumps(schema) else schema


def _covers(wide: Any, narrow: Any) -> bool:
    return wide == narrow or canonicalize(wide).covers(canonicalize(narrow)) is Containment.YES


def main() -> int:
    """Rewrite the committed document; return the exit code."""
    document = build()
    for change in breaking(json.loads(COMMITTED.read_text()), document) if COMMITTED.exists() else ():
        print(f"Breaking: {change}")
    COMMITTED.write_text(json.dumps(document, indent=2) + "\n")
    print(f"Written: {COMMITTED.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
