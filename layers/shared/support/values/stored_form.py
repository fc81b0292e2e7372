"""The stored form of values: one definition per type, used for both writing and reading."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar, dataclass_transform

from pydantic_core import from_json, to_json

from support.dynamodb.items import Item, Value

T = TypeVar("T")

#: Stored in every item. Readers accept unknown versions, so that reading works after a rollback.
VERSION = 1

#: Converts a field to an attribute's value, and back.
Conversion = tuple[Callable[[Any], Value], Callable[[Any], Any]]

#: Stores any JSON as one string, which preserves it exactly.
AS_JSON: Conversion = (lambda value: to_json(value).decode(), from_json)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def stored_value(value_type: type[T]) -> type[T]:
    """Make a dataclass of a class whose values never change.

    mypy sees to that, and nothing at run time: `frozen` makes reading them dearer, and a page of the inbox an eighth.
    """
    return dataclass(slots=True, unsafe_hash=True)(value_type)


class StoredForm(Generic[T]):
    """The attributes of a dataclass: one per field, named in camel case; None is not stored.

    Parameters
    ----------
    value_type
        The dataclass. A missing attribute gets the field's default.
    converted
        Conversions of fields that are not a string, integer, boolean or list of strings.
    elsewhere
        Fields that are stored in the item's key, and so have no attribute of their own.
    """

    def __init__(
        self,
        value_type: type[T],
        converted: Mapping[str, Conversion] | None = None,
        elsewhere: Collection[str] = (),
    ) -> None:
        conversions = converted or {}
        self._type = value_type
        self._fields = [
            (field.name, camel_case(field.name), conversions.get(field.name))
            for field in fields(value_type)  # type: ignore[arg-type]  # a dataclass has no type of its own
            if field.name not in elsewhere
        ]

    @property
    def attributes(self) -> Collection[str]:
        """The names of all attributes that an item of this form may have, without its keys."""
        return [attribute for _, attribute, _ in self._fields]

    def write(self, value: T) -> Item:
        """Return the attributes."""
        item: Item = {}
        for name, attribute, conversion in self._fields:
            field = getattr(value, name)
            if field is not None:
                item[attribute] = field if conversion is None else conversion[0](field)
        return item

    def read(self, item: Item, **elsewhere: object) -> T:
        """Return the value. Raises TypeError if an attribute without a default is missing."""
        values: dict[str, Any] = dict(elsewhere)
        for name, attribute, conversion in self._fields:
            if attribute in item:
                stored = item[attribute]
                values[name] = stored if conversion is None else conversion[1](stored)
        return self._type(**values)


def camel_case(name: str) -> str:
    """Return the name of a field's attribute."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
