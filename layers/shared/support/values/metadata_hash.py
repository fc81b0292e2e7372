"""The hash by which a widget recognises the metadata that it sent last: computed as the widget computes it."""

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

#: Names that are array indices come first in an object, by their numbers (ECMA-262, "OrdinaryOwnPropertyKeys").
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_INDICES = 2**32 - 1
#: From this power of ten on JavaScript writes a number with an exponent (ECMA-262, "Number::toString").
_MAX_DIGITS = 21
_MAX_ZEROS = 6


def metadata_hash(metadata: Mapping[str, Any]) -> str:
    """Return the first 8 hex digits of the SHA-256 of flat metadata, the empty string for none.

    What is hashed is what `JSON.stringify` writes of an object whose names were added sorted.
    """
    if not metadata:
        return ""
    entries = (f"{_string(name)}:{_value(metadata[name])}" for name in sorted(metadata, key=_order))
    return hashlib.sha256(f"{{{','.join(entries)}}}".encode()).hexdigest()[:8]


def _order(name: str) -> tuple[int, bytes]:
    index = int(name) if _INDEX.fullmatch(name) else _INDICES
    # JavaScript compares UTF-16 units.
    return min(index, _INDICES), name.encode("utf-16-be")


def _value(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return _number(float(value))


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(number: float) -> str:
    """Write a finite number as JavaScript does, which has doubles alone. Python, too, writes the shortest digits."""
    if number == 0:
        return "0"
    _, figures, exponent = Decimal(repr(abs(number))).normalize().as_tuple()
    digits = "".join(map(str, figures))
    point = len(digits) + int(exponent)
    if len(digits) <= point <= _MAX_DIGITS:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= _MAX_DIGITS:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -_MAX_ZEROS < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
        text = f"{mantissa}e{point - 1:+d}"
    return f"-{text}" if number < 0 else text
