"""api/domain/idempotency.py: the form of an `Idempotency-Key`, and the fingerprint of a request."""

import json

import pytest
from api.domain.idempotency import canonical, fingerprint, parse_key
from hypothesis import given
from hypothesis import strategies as st
from support.errors import Code, Refusal
from support.values.api_key import ApiKey

from tests.builders import a_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("a", "a"),
        ('"a"', "a"),
        ("a b", "a b"),
        ('" "', " "),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("a\\b", "a\\b"),
        ('a"b', 'a"b'),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ('"' + '\\"' * 255 + '"', '"' * 255),
    ],
)
def test_a_key_is_bare_or_quoted(header: str, key: str) -> None:
    assert parse_key(header) == key


@pytest.mark.parametrize(
    "header",
    [
        *("", '""', '"', '"a', '"a"b', '"a\\b"', '"a\\"', "x" * 256, '"' + "x" * 256 + '"', " a", "a\t", "\0", "\x7f"),
        *("é", '"é"', '"\n"', "a\n", "\N{FULLWIDTH LATIN SMALL LETTER A}"),
    ],
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_key(header)

    assert refused.value.code == Code.VALIDATION_FAILED
    assert [detail.path for detail in refused.value.details] == ["Idempotency-Key"]


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_key_can_be_quoted(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')

    assert parse_key(f'"{escaped}"') == key


SAID = {"channel": "widget", "metadata": {"a": 1, "b": None}, "items": [["1", None, {"text": "x"}]]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=10,
)


def reversed_names(value: object) -> object:
    if isinstance(value, dict):
        return {name: reversed_names(inner) for name, inner in reversed(value.items())}
    return [reversed_names(inner) for inner in value] if isinstance(value, list) else value


KEY = ApiKey.from_item(a_key())


@given(JSON)
def test_the_order_of_names_makes_no_difference_at_any_depth(value: object) -> None:
    assert canonical(reversed_names(value)) == canonical(value)


@given(JSON)
def test_nothing_else_is_lost_in_the_canonical_form(value: object) -> None:
    assert json.loads(canonical(value)) == value


def test_a_fingerprint_is_free_of_the_order_of_names() -> None:
    assert fingerprint(KEY, dict(reversed(SAID.items()))) == fingerprint(KEY, SAID)


@pytest.mark.parametrize(
    "changed",
    [
        {"channel": "Widget"},
        {"metadata": {"a": 1.0, "b": None}},
        {"metadata": {"a": True, "b": None}},
        {"metadata": {"a": "1", "b": None}},
        {"metadata": {"a": 1}},
        {"metadata": None},
        {"items": []},
        {"items": [["1", None, {"text": "x"}]] * 2},
        {"items": [["1", "2026-01-01T00:00:00.000Z", {"text": "x"}]]},
        {"items": [["1", None, {"text": "x "}]]},
    ],
)
def test_a_fingerprint_differs_for_everything_else(changed: dict[str, object]) -> None:
    assert fingerprint(KEY, {**SAID, **changed}) != fingerprint(KEY, SAID)
