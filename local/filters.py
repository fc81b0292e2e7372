"""Event filtering: which records a mapping's patterns let through.

The rules are those of "Event filtering" in Lambda's Developer Guide: a pattern names fields; a field's alternatives are
a list, of which one has to match.
"""

from collections.abc import Mapping
from typing import Any

from local.template import TemplateError

_COMPARISONS = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether an event has all that a pattern asks for; raises `TemplateError` for an operator that is unknown."""
    return all(
        any(matches(one, event) for one in wanted) if name == "$or" else _field_matches(wanted, event, name)
        for name, wanted in pattern.items()
    )


def _field_matches(wanted: Any, event: Mapping[str, Any], name: str) -> bool:
    if isinstance(wanted, dict):
        inner = event.get(name)
        return matches(wanted, inner if isinstance(inner, dict) else {})
    found = event.get(name)
    # Of a list, one entry has to match.
    values = ([] if name not in event else [found]) if not isinstance(found, list) else found
    return any(_alternative_matches(alternative, values) for alternative in wanted)


def _alternative_matches(alternative: Any, values: list[Any]) -> bool:
    if not isinstance(alternative, dict):
        return any(type(value) is type(alternative) and value == alternative for value in values)
    match list(alternative.items()):
        case [("exists", bool(exists))]:
            return bool(values) is exists
        case [("prefix", str(prefix))]:
            return any(isinstance(value, str) and value.startswith(prefix) for value in values)
        case [("suffix", str(suffix))]:
            return any(isinstance(value, str) and value.endswith(suffix) for value in values)
        case [("equals-ignore-case", str(text))]:
            return any(isinstance(value, str) and value.lower() == text.lower() for value in values)
        case [("anything-but", excluded)]:
            others = excluded if isinstance(excluded, list) else [excluded]
            return bool(values) and not any(_alternative_matches(other, values) for other in others)
        case [("numeric", list(bounds))]:
            return any(_is_within(value, bounds) for value in values)
    raise TemplateError(f"the filter {alternative!r} is not known on one machine")


def _is_within(value: Any, bounds: list[Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(_COMPARISONS[operator](value, limit) for operator, limit in zip(bounds[::2], bounds[1::2], strict=True))
