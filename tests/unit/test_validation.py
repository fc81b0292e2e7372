"""What a developer reads in `details`, beside the path of what is to be changed."""

from typing import Annotated, Any

import pytest
from api.routes import messages
from pydantic import TypeAdapter, ValidationError
from support.validation import AtMost, explain
from typing_extensions import TypedDict

from tests.builders import VISITOR, a_body, a_message
from tests.client import Api

ID = "must be 1 to 64 letters, digits, '-' or '_'"
ULID = "must be a ULID: 26 characters of 0-9 and A-Z without I, L, O and U, the first of them 0 to 7"
TIME = "must be an RFC 3339 date-time such as 2026-01-31T12:00:00Z, in the years 0001 to 9999 in UTC"


WHOLE = "must be a whole number from 0 to 9007199254740991"


def a_part(kind: str, **fields: object) -> dict[str, object]:
    return a_body(defaultTimelineItems=[{"parts": [{"type": kind, **fields}]}])


PART = "defaultTimelineItems.0.parts.0"


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ([], "", "must be a JSON object"),
        ({"visitorId": "x"}, "visitorId", ULID),
        ({"visitorId": 1}, "visitorId", ULID),
        (a_body(conversationId="a#b"), "conversationId", ID),
        (a_body(conversationId="inbox"), "conversationId", "must not be 'inbox', which is reserved"),
        (a_body(channel="x" * 65), "channel", "must have at most 64 characters"),
        (a_body(channel=1), "channel", "must be a string"),
        (a_body(metadata=[]), "metadata", "must be an object"),
        (a_body(metadata={str(n): n for n in range(51)}), "metadata", "must have at most 50 entries"),
        (a_body(metadata={"a": "x" * 20_000}), "metadata", "must take at most 16 KB of JSON"),
        (a_body(defaultTimelineItems={}), "defaultTimelineItems", "must be an array"),
        (a_body(defaultTimelineItems=[{}] * 100), "defaultTimelineItems", "must have at most 99 entries"),
        (a_body(defaultTimelineItems=["x"]), "defaultTimelineItems.0", "must be an object"),
        (a_body(defaultTimelineItems=[{"id": "é"}]), "defaultTimelineItems.0.id", ID),
        (
            a_body(defaultTimelineItems=[{"id": "a"}, {"id": "a"}]),
            "defaultTimelineItems.1.id",
            "is used by another item of this request",
        ),
        (a_body(defaultTimelineItems=[{"createdAt": "x"}]), "defaultTimelineItems.0.createdAt", TIME),
        (
            a_body(defaultTimelineItems=[{"type": "x"}]),
            "defaultTimelineItems.0.type",
            "must be 'message', 'event', 'identification' or 'tool'",
        ),
        (
            a_body(defaultTimelineItems=[{"parts": [{"type": "step-start"}] * 101}]),
            "defaultTimelineItems.0.parts",
            "must have at most 100 entries",
        ),
        (a_part("text"), f"{PART}.text", "is required"),
        (a_part("text", text="x", state=1), f"{PART}.state", "must be 'streaming' or 'done'"),
        (a_part("image", url="x", mediaType="x", width="1"), f"{PART}.width", WHOLE),
        (a_part("image", url="x", mediaType="x", width=1.5), f"{PART}.width", WHOLE),
        (
            a_part("feedback", feedbackId="x", source="x", rating=6),
            f"{PART}.rating",
            "must be a whole number from 1 to 5",
        ),
        (a_part("source-url", sourceId="x", url="x"), f"{PART}.url", "must be an absolute URL"),
        (
            a_part("source-url", sourceId="x", url="data:,x"),
            f"{PART}.url",
            "must not have the scheme 'javascript', 'vbscript', 'data' or 'blob'",
        ),
        (
            a_part("file", url="javascript:x", mediaType="x"),
            f"{PART}.url",
            "must not have the scheme 'javascript' or 'vbscript'",
        ),
        (
            a_part("reasoning", text="x", providerMetadata={"cossistant": {"toolTimeline": []}}),
            f"{PART}.providerMetadata.cossistant.toolTimeline",
            "must be an object",
        ),
        (
            a_part("reasoning", text="x", providerMetadata=[]),
            f"{PART}.providerMetadata",
            "must be an object",
        ),
    ],
)
def test_a_detail_names_the_place_and_the_rule(api: Api, body: object, path: str, message: str) -> None:
    response = api(body)

    assert response.body["details"] == [{"path": path, "message": message}]
    assert response.body["message"] == f"{path or 'The body'} {message}."


def test_metadata_s_own_names_are_not_named(api: Api) -> None:
    details = api(a_body(metadata={"secret": [], "other": {}, "": 1})).body["details"]

    assert {detail["path"] for detail in details} == {"metadata"}
    assert "secret" not in str(details)


def test_the_same_thing_is_named_once(api: Api) -> None:
    details = api(a_body(metadata={str(n): [] for n in range(50)})).body["details"]

    assert len(details) == 1


def test_a_part_of_no_known_type_gets_the_types(api: Api) -> None:
    [detail] = api(a_part("unknown")).body["details"]

    assert all(kind in detail["message"] for kind in ["text", "source-document", "step-start", "tool-<name>"])


def test_details_come_in_the_order_of_the_request(api: Api) -> None:
    items = [{"id": "#"} if n % 2 else a_message() for n in range(60)]

    assert api(a_body(defaultTimelineItems=items)).paths == [f"defaultTimelineItems.{n}.id" for n in range(1, 40, 2)]


def test_wrong_parts_of_wrong_items_come_in_their_order_too(api: Api) -> None:
    step, event = {"type": "step-start"}, {"type": "metadata", "source": "x"}
    items = [{"parts": [step, 1, event, step, event]}, {}, {"id": "#", "parts": [event]}]

    assert api(a_body(defaultTimelineItems=items, channel=1)).paths == [
        "defaultTimelineItems.0.parts.1",
        "defaultTimelineItems.0.parts.2.source",
        "defaultTimelineItems.0.parts.4.source",
        "defaultTimelineItems.2.id",
        "defaultTimelineItems.2.parts.0.source",
        "channel",
    ]


def test_wrong_parts_of_a_single_item_come_in_their_order_too(api: Api) -> None:
    step, event = {"type": "step-start"}, {"type": "metadata", "source": "x"}
    item = {"id": "#", "parts": [step, 1, event, step, event]}

    assert api({"conversationId": "#", "item": item}, route=messages.SEND).paths == [
        "conversationId",
        "item.id",
        "item.parts.1",
        "item.parts.2.source",
        "item.parts.4.source",
    ]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (a_body(defaultTimelineItems=[1] * 100), "defaultTimelineItems"),
        (a_body(defaultTimelineItems=[{"parts": [1] * 101}]), "defaultTimelineItems.0.parts"),
        (a_body(metadata={str(n): [] for n in range(51)}), "metadata"),
    ],
)
def test_entries_are_counted_before_they_are_validated(api: Api, body: object, path: str) -> None:
    [detail] = api(body).body["details"]

    assert (detail["path"], detail["message"].partition(" entries")[1]) == (path, " entries")


class Holder(TypedDict):
    """A list and an object."""

    list: Annotated[list[int], AtMost(60)]
    object: Annotated[dict[str, int], AtMost(60)]


def test_no_more_entries_are_validated_than_are_named() -> None:
    wrong: dict[str, Any] = {"list": ["x"] * 60, "object": {str(n): "x" for n in range(60)}}
    validated = []

    def validate(entry: object) -> None:
        validated.append(entry)
        TypeAdapter(int).validate_python(entry)

    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Holder).validate_python(wrong)
    refusal = explain(caught.value, wrong, {"list": validate})

    # One of the list, and one of the object: the first wrong entry ends each.
    assert caught.value.error_count() == 2
    assert [detail.path for detail in refusal.details] == [f"list.{n}" for n in range(20)]
    assert len(validated) == 19  # what is wrong with the first is known


def test_a_valid_visitor_is_not_blamed_for_another_field(api: Api) -> None:
    assert api({"visitorId": VISITOR, "channel": 1}).paths == ["channel"]
