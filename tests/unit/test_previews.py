"""Previews: what lists show of large content."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values.timeline_item import MAX_INDEXED_BYTES, PREVIEW_CHARACTERS, TimelineItem

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # seven code points with joiners, one character to people
LONG = "x" * MAX_INDEXED_BYTES


def preview_of(**content: Any) -> str | None:
    item = TimelineItem("i", "2026-01-01T00:00:00.000Z", 0, "public", "message", "public", content)  # type: ignore[arg-type]
    preview = item.preview
    assert preview is not None
    assert "parts" not in preview.content
    return preview.content.get("text")


def test_content_of_up_to_4_kb_has_none() -> None:
    item = TimelineItem("i", "2026-01-01T00:00:00.000Z", 0, "public", "message", "public", {"text": "x" * 4_000})

    assert item.preview is None


def test_it_is_the_first_2000_characters() -> None:
    assert preview_of(text="é" * 5_000) == "é" * PREVIEW_CHARACTERS


@pytest.mark.parametrize("character", [FAMILY, "e\u0301", "\U0001f1e9\U0001f1ea", "\r\n", "\U0001f44d\U0001f3fd"])
@pytest.mark.parametrize("before", range(1, 7))
def test_no_character_is_cut_in_two(character: str, before: int) -> None:
    preview = preview_of(text="x" * (PREVIEW_CHARACTERS - before) + character + LONG)

    start = "x" * (PREVIEW_CHARACTERS - before)
    assert preview is not None
    assert preview in {start, start + character + "x" * (before - len(character))}
    assert (preview == start) == (len(character) > before)


def test_a_character_that_has_no_end_is_cut() -> None:
    preview = preview_of(text="e" + "\u0301" * 5_000)

    assert preview == "e" + "\u0301" * (PREVIEW_CHARACTERS - 1)


@given(st.text(min_size=1))
def test_it_is_a_beginning_of_the_text_and_never_longer_than_it_may_be(text: str) -> None:
    whole = (text * 5_000)[: 5_000 * 4]
    if len(whole.encode()) <= MAX_INDEXED_BYTES:
        return
    preview = preview_of(text=whole)

    assert preview
    assert whole.startswith(preview)
    assert len(preview) <= PREVIEW_CHARACTERS


def test_a_text_of_controls_has_one_that_a_hundred_of_fit_into_a_response() -> None:
    assert preview_of(text="\x01" * 5_000) == "\x01" * 1_142


def test_without_a_text_there_is_nothing_to_show() -> None:
    assert preview_of(parts=[{"type": "reasoning", "text": LONG}]) is None
