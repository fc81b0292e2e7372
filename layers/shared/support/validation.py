"""Turns pydantic's errors into a list of what to change, which never quotes a value."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import groupby, islice, pairwise
from operator import getitem
from types import MappingProxyType
from typing import Any

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, PydanticKnownError, core_schema

from support.errors import Code, Detail, Refusal

MAX_DETAILS = 20

Location = tuple[int | str, ...]

#: The messages for pydantic's own checks, to be read after the path of a field.
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
class Message:
    """The message of a type, instead of pydantic's: `Annotated[str, StringConstraints(...), Message("must be")]`."""

    message: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap the type's schema, so that this message replaces every error."""
        return core_schema.custom_error_schema(handler(source), "message", custom_error_message=self.message)


@dataclass(frozen=True)
class AtMost:
    """The maximum number of entries of a list or an object: `Annotated[list[str], AtMost(99)]`.

    They are counted before any is validated, and validation stops at the first invalid one: a megabyte of invalid
    entries costs no more than one of them. `explain` finds the next ones.
    """

    entries: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Count first, then validate with the type's own schema, which also has the limit for JSON Schema."""
        schema: Any = {**handler(source), "max_length": self.entries, "fail_fast": True}
        return core_schema.no_info_before_validator_function(self._count, schema)

    def _count(self, value: object) -> object:
        if isinstance(value, list | dict) and len(value) > self.entries:
            context = {"field_type": "Value", "max_length": self.entries, "actual_length": len(value)}
            raise PydanticKnownError("too_long", context)
        return value


@dataclass(frozen=True)
class BuiltLater:
    """Builds the strict validator of a type for its first value: `Annotated[list[Part], BuiltLater(list[Part])]`.

    For what is large, and what many environments never get: building it is part of a cold start.
    """

    type: Any

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.type, config=ConfigDict(strict=True))

    def _validate(self, value: object) -> object:
        return self._adapter.validate_python(value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by a function; what it raises of an entry is located below the field."""
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the type itself."""
        return handler(self._adapter.core_schema)


def invalid(details: Iterable[Detail]) -> Refusal:
    """Build the error that lists what to change in a request: the first 20 details; no more are generated."""
    first = list(islice(details, MAX_DETAILS))
    return Refusal(Code.VALIDATION_FAILED, f"{first[0].path or 'The body'} {first[0].message}.", details=first)


#: Validates an entry of a list, or raises pydantic's error.
Entry = Callable[[Any], object]


def explain(
    error: ValidationError,
    sent: Any = None,
    entries: Mapping[str, Entry] = MappingProxyType({}),
    tags: AbstractSet[str] = frozenset(),
    opaque: AbstractSet[str] = frozenset(),
) -> Refusal:
    """Build the error for pydantic's errors.

    Parameters
    ----------
    sent
        The value that was validated.
    entries
        The fields whose type is a list with `AtMost`, each with the validator of an entry.
    tags
        Steps of a path that name a member of a union, and not a field.
    opaque
        Fields whose names are client-defined: a path ends there.
    """
    seen: set[Detail] = set()

    def unique_details() -> Iterator[Detail]:
        for location, found in _all_errors(_errors(error), sent, entries):
            detail = Detail(_path(location, tags, opaque), _message(found["type"], found.get("ctx", {}), found["msg"]))
            if detail not in seen:
                seen.add(detail)
                yield detail

    return invalid(unique_details())


LocatedError = tuple[Location, ErrorDetails]


def _errors(error: ValidationError) -> list[LocatedError]:
    return [(found["loc"], found) for found in error.errors(include_url=False, include_input=False)]


def _all_errors(errors: list[LocatedError], sent: Any, entries: Mapping[str, Entry]) -> Iterator[LocatedError]:
    """Yield errors in order; further entries of a list are validated only when more errors are needed."""

    def list_entry(error: LocatedError) -> tuple[Location, int] | None:
        location = error[0]
        for depth, (name, index) in enumerate(pairwise(location), start=1):
            if name in entries and isinstance(index, int):
                return location[:depth], index
        return None

    for entry, group in groupby(errors, list_entry):
        if entry is None:
            yield from group
            continue
        path, first_index = entry
        validate, listed = entries[str(path[-1])], reduce(getitem, path, sent)
        entry_errors = [(location[len(path) + 1 :], error) for location, error in group]
        for index in range(first_index, len(listed)):
            if index > first_index:
                entry_errors = _errors_of(validate, listed[index])
            for location, error in _all_errors(entry_errors, listed[index], entries):
                yield (*path, index, *location), error


def _errors_of(validate: Entry, entry: Any) -> list[LocatedError]:
    try:
        validate(entry)
    except ValidationError as error:
        return _errors(error)
    return []


def _path(location: Location, tags: AbstractSet[str], opaque: AbstractSet[str]) -> str:
    path: list[str] = []
    for step in location:
        if step not in tags:
            path.append(str(step))
        if step in opaque:
            break
    return ".".join(path)


def _message(kind: str, context: Mapping[str, Any], text: str) -> str:
    # Any other error has a message of our own.
    return _MESSAGES[kind].format(**context) if kind in _MESSAGES else text
