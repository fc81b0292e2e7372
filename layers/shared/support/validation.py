"""From pydantic's errors to a list of what to change, which never quotes a value."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from support.errors import Code, Detail, Refusal

MAX_DETAILS = 20

#: What pydantic's own checks mean, to a developer who reads it beside the path of a field.
_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "literal_error": "must be {expected}",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} character",
    "less_than_equal": "must be {le} or less",
    "greater_than_equal": "must be {ge} or more",
}


@dataclass(frozen=True)
class Says:
    """The message of a type, in place of pydantic's: `Annotated[str, StringConstraints(...), Says("must be ...")]`."""

    message: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap the type's schema, in which this message then stands for every error."""
        return core_schema.custom_error_schema(handler(source), "says", custom_error_message=self.message)


def invalid(details: Iterable[Detail]) -> Refusal:
    """Build the answer that lists what to change in a request, 20 things at most."""
    first = list(details)[:MAX_DETAILS]
    return Refusal(Code.VALIDATION_FAILED, f"{first[0].path or 'The body'} {first[0].message}.", details=first)


def explain(
    error: ValidationError, tags: AbstractSet[str] = frozenset(), opaque: AbstractSet[str] = frozenset()
) -> Refusal:
    """Build the answer for what pydantic found wrong.

    Parameters
    ----------
    tags
        What stands in a path for a member of a union, and not for a field.
    opaque
        Fields in which names are the client's own: a path ends there.
    """
    errors = error.errors(include_url=False, include_input=False)
    details = (
        Detail(_path(found["loc"], tags, opaque), _message(found["type"], found.get("ctx", {}), found["msg"]))
        for found in errors
    )
    return invalid(dict.fromkeys(details))


def _path(location: tuple[int | str, ...], tags: AbstractSet[str], opaque: AbstractSet[str]) -> str:
    path: list[str] = []
    for step in location:
        if step not in tags:
            path.append(str(step))
        if step in opaque:
            break
    return ".".join(path)


def _message(kind: str, context: Mapping[str, Any], text: str) -> str:
    # What is not pydantic's own is a text of ours.
    return _MESSAGES[kind].format(**context) if kind in _MESSAGES else text
