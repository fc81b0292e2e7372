"""Whose conversation it is: `visitorId` in the body, or `X-Visitor-Id`."""

import pytest

from tests.builders import OTHER_VISITOR, VISITOR, a_message, private
from tests.client import Api, Stored

MALFORMED = [
    pytest.param(VISITOR.lower(), id="lower case"),
    pytest.param(VISITOR[:-1], id="too short"),
    pytest.param(VISITOR + "0", id="too long"),
    pytest.param(VISITOR + "\n", id="line feed"),
    pytest.param("8" + VISITOR[1:], id="129 bits"),
    pytest.param("Z" * 26, id="130 bits"),
    pytest.param(VISITOR[:-1] + "I", id="I"),
    pytest.param(VISITOR[:-1] + "L", id="L"),
    pytest.param(VISITOR[:-1] + "O", id="O"),
    pytest.param(VISITOR[:-1] + "U", id="U"),
    pytest.param(VISITOR[:-1] + "#", id="number sign"),
    pytest.param(VISITOR[:-1] + "\N{FULLWIDTH DIGIT ZERO}", id="fullwidth digit"),
    pytest.param(f"{VISITOR},{VISITOR}", id="twice"),
]


def with_header(visitor: str) -> dict[str, str]:
    return {**private(), "x-visitor-id": visitor}


@pytest.mark.parametrize("visitor", ["0" * 26, "7" + "Z" * 25])
def test_a_ulid_has_128_bits(api: Api, visitor: str) -> None:
    assert api({"visitorId": visitor}).conversation["visitorId"] == visitor
    assert api({}, with_header(visitor)).conversation["visitorId"] == visitor


def test_the_body_names_the_visitor(api: Api, stored: Stored) -> None:
    assert api({"visitorId": VISITOR}).conversation["visitorId"] == VISITOR
    assert [item["visitorId"] for item in stored()] == [VISITOR]


@pytest.mark.parametrize("body", [{}, {"visitorId": None}, {"visitorId": ""}])
def test_or_else_the_header_does(api: Api, body: dict[str, object]) -> None:
    assert api(body, with_header(VISITOR)).conversation["visitorId"] == VISITOR


@pytest.mark.parametrize("unused", [OTHER_VISITOR, "not a ULID", ""])
def test_a_header_beside_a_body_s_visitor_is_not_looked_at(api: Api, unused: str) -> None:
    assert api({"visitorId": VISITOR}, with_header(unused)).conversation["visitorId"] == VISITOR


@pytest.mark.parametrize("headers", [private(), with_header("")])
@pytest.mark.parametrize("body", [{}, {"visitorId": None}, {"visitorId": ""}])
def test_a_request_without_a_visitor_is_refused(
    api: Api, stored: Stored, body: dict[str, object], headers: dict[str, str]
) -> None:
    response = api(body, headers)

    assert (response.status, response.code) == (400, "VISITOR_ID_REQUIRED")
    assert stored() == []


@pytest.mark.parametrize("visitor", [*MALFORMED, 1, True, [VISITOR], {"id": VISITOR}])
def test_a_malformed_visitor_in_the_body_is_refused_whatever_the_header(api: Api, visitor: object) -> None:
    response = api({"visitorId": visitor}, with_header(VISITOR))

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["visitorId"])


@pytest.mark.parametrize("visitor", MALFORMED)
def test_a_malformed_visitor_in_the_header_is_refused(api: Api, visitor: str) -> None:
    response = api({}, with_header(visitor))

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["X-Visitor-Id"])


@pytest.mark.parametrize("sent", [VISITOR, OTHER_VISITOR, "agent-7", 7, {"id": 1}, ["a"], True, False, 0])
def test_an_item_s_visitor_is_the_conversation_s_whatever_was_sent(api: Api, sent: object) -> None:
    response = api({"visitorId": VISITOR, "defaultTimelineItems": [a_message(visitorId=sent)]})

    assert [item["visitorId"] for item in response.items] == [VISITOR]


@pytest.mark.parametrize("fields", [{}, {"visitorId": None}, {"visitorId": ""}])
def test_an_item_without_a_visitor_has_none(api: Api, fields: dict[str, object]) -> None:
    response = api({"visitorId": VISITOR, "defaultTimelineItems": [{"text": "Hello!", **fields}]})

    assert [item["visitorId"] for item in response.items] == [None]
