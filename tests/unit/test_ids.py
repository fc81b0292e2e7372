"""conversations/ids.py: what generated ids look like, and what they depend on."""

import re

import pytest
from conversations.ids import derived_conversation_id, derived_item_id, new_conversation_id
from hypothesis import assume, given
from hypothesis import strategies as st

CONVERSATION_ID = re.compile(r"CO[1-9A-NP-Z]{16}")


def test_a_new_conversation_id_is_of_the_documented_form_and_never_the_same() -> None:
    made = [new_conversation_id() for _ in range(1000)]

    assert all(CONVERSATION_ID.fullmatch(conversation_id) for conversation_id in made)
    assert len(set(made)) == 1000


def test_every_character_occurs_at_every_place() -> None:
    made = [new_conversation_id() for _ in range(1000)]

    assert {len({conversation_id[place] for conversation_id in made}) for place in range(2, 18)} == {34}


@given(st.lists(st.text(), max_size=4))
def test_a_derived_conversation_id_is_of_the_same_form(parts: list[str]) -> None:
    assert CONVERSATION_ID.fullmatch(derived_conversation_id(*parts))


@given(st.lists(st.binary(), max_size=4))
def test_a_derived_item_id_is_ulid_shaped(parts: list[bytes]) -> None:
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", derived_item_id(*parts))


def test_derived_ids_stay_what_they_are_over_releases() -> None:
    """A retry that comes after a deployment must find what was stored before it."""
    assert derived_conversation_id("website", "test", "visitor", "key") == "COMJFW1ZIMLCTGXBEU"
    assert derived_item_id(b"scope", b"0", b"{}") == "32DKNCW1YNRFWEAN6K5Y65KRHR"


@given(st.lists(st.binary(max_size=3), max_size=4), st.lists(st.binary(max_size=3), max_size=4))
def test_other_parts_lead_to_another_id(one: list[bytes], other: list[bytes]) -> None:
    assume(one != other)

    assert derived_item_id(*one) != derived_item_id(*other)


@pytest.mark.parametrize(
    ("one", "other"), [(["a", "b"], ["ab"]), (["a", ""], ["a"]), (["a", "b"], ["b", "a"]), ([], [""])]
)
def test_parts_are_not_run_together(one: list[str], other: list[str]) -> None:
    assert derived_conversation_id(*one) != derived_conversation_id(*other)
