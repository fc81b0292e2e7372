"""conversations/idempotency.py: the form of an `Idempotency-Key`, and the fingerprint of what was said."""

import pytest
from conversations.idempotency import conversation_id, fingerprint, parse_key
from hypothesis import given
from hypothesis import strategies as st
from support.errors import Code, Refusal
from support.keys import ApiKey

from tests.builders import OTHER_VISITOR, OTHER_WEBSITE, VISITOR, a_key

KEY = ApiKey.from_item(a_key())


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


def test_a_key_belongs_to_its_website_mode_and_visitor() -> None:
    live = ApiKey.from_item(a_key("sk_live_" + "0" * 64))
    other = ApiKey.from_item(a_key(website_id=OTHER_WEBSITE))

    ids = {
        conversation_id(KEY, VISITOR, "a"),
        conversation_id(KEY, VISITOR, "b"),
        conversation_id(KEY, OTHER_VISITOR, "a"),
        conversation_id(live, VISITOR, "a"),
        conversation_id(other, VISITOR, "a"),
    }

    assert len(ids) == 5
    assert conversation_id(KEY, VISITOR, "a") in ids


def test_a_key_belongs_to_no_single_api_key() -> None:
    rotated = ApiKey.from_item(a_key("pk_test_" + "0" * 64, id="rotated"))

    assert conversation_id(rotated, VISITOR, "a") == conversation_id(KEY, VISITOR, "a")


SAID = {"channel": "widget", "metadata": {"a": 1, "b": None}, "items": [["1", None, {"text": "x"}]]}


def test_a_fingerprint_is_free_of_the_order_of_names() -> None:
    assert fingerprint(dict(reversed(SAID.items()))) == fingerprint(SAID)


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
    assert fingerprint({**SAID, **changed}) != fingerprint(SAID)
