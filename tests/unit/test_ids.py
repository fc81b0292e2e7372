"""api/domain/ids.py: what generated ids look like, and what they depend on."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from api.domain import ids
from api.domain.ids import derived_conversation_id, derived_item_id, new_conversation_id, new_ulid
from hypothesis import given
from hypothesis import strategies as st
from support.values.api_key import ApiKey
from ulid import ULID

from tests.builders import OTHER_VISITOR, OTHER_WEBSITE, PUBLIC_KEY, VISITOR, a_key

CONVERSATION_ID = re.compile(r"CO[1-9A-NP-Z]{16}")


def key(**fields: Any) -> ApiKey:
    return ApiKey.from_item(a_key(**fields))


KEY = key()


def test_a_new_conversation_id_is_of_the_documented_form_and_never_the_same() -> None:
    made = [new_conversation_id() for _ in range(1000)]

    assert all(CONVERSATION_ID.fullmatch(conversation_id) for conversation_id in made)
    assert len(set(made)) == 1000


def test_every_character_occurs_at_every_place() -> None:
    made = [new_conversation_id() for _ in range(1000)]

    assert {len({conversation_id[place] for conversation_id in made}) for place in range(2, 18)} == {34}


@given(st.text())
def test_a_derived_conversation_id_is_of_the_same_form(idempotency_key: str) -> None:
    assert CONVERSATION_ID.fullmatch(derived_conversation_id(KEY, VISITOR, idempotency_key))


@given(st.binary())
def test_a_derived_item_id_is_ulid_shaped(content: bytes) -> None:
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", derived_item_id(KEY, "c", 0, content))


def test_derived_ids_stay_what_they_are_over_releases() -> None:
    """A retry that comes after a deployment must find what was stored before it."""
    fixed = key(id_secret="00" * 32)

    assert derived_conversation_id(fixed, VISITOR, "key") == "COD27HKJAP5RN6FHRH"
    assert derived_item_id(fixed, "c", 0, b"{}") == "104A8XAPN97QQSKCY685CEZTZ1"


def test_a_new_visitor_s_id_tells_nothing_of_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_795_521_600_123
    monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: now * 1_000_000))

    made = [ULID.from_str(new_ulid()) for _ in range(100)]

    assert {one.milliseconds for one in made} == {now}
    assert len({one.bytes[6:14] for one in made}) == 100


#: Each differs from `KEY` in one thing on which generated ids depend.
OTHERS = {
    "secret": key(id_secret="ab" * 32),
    "website": key(website_id=OTHER_WEBSITE),
    "mode": key(mode="live"),
    "kind": key(type="public"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_generated_ids_belong_to_secret_website_mode_and_kind_of_key(other: ApiKey) -> None:
    assert derived_conversation_id(other, VISITOR, "a") != derived_conversation_id(KEY, VISITOR, "a")
    assert derived_item_id(other, "c", 0, b"{}") != derived_item_id(KEY, "c", 0, b"{}")


def test_generated_ids_belong_to_no_single_key() -> None:
    """A key that is rotated between a request and its retry changes nothing."""
    rotated = key(secret="sk_test_" + "f" * 64, id="rotated", allowed_origins=frozenset())

    assert derived_conversation_id(rotated, VISITOR, "a") == derived_conversation_id(KEY, VISITOR, "a")
    assert derived_item_id(rotated, "c", 0, b"{}") == derived_item_id(KEY, "c", 0, b"{}")


def test_a_conversation_id_belongs_to_its_visitor_and_idempotency_key() -> None:
    made = {
        derived_conversation_id(KEY, visitor, idempotency_key)
        for visitor, idempotency_key in [(VISITOR, "a"), (OTHER_VISITOR, "a"), (VISITOR, "b"), (VISITOR, "")]
    }

    assert len(made) == 4


def test_an_item_id_belongs_to_its_conversation_position_and_content() -> None:
    made = {
        derived_item_id(KEY, conversation_id, position, content)
        for conversation_id, position, content in [
            *[("c", 0, b"{}"), ("d", 0, b"{}"), ("c", 1, b"{}"), ("c", 0, b"{} ")],
            # What stands beside each other is not run together.
            *[("c1", 0, b"{}"), ("c", 10, b"{}"), ("c", 1, b"0{}"), ("", 0, b"c{}")],
        ]
    }

    assert len(made) == 8


def test_a_public_key_is_of_another_kind_than_a_private_one() -> None:
    assert key(secret=PUBLIC_KEY).type != KEY.type
