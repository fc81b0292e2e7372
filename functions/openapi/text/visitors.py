"""Texts: visitors."""

from collections.abc import Mapping
from typing import Any

from support.ids import ULID

from openapi.description import Description
from openapi.text.common import ACTOR_HEADER, ORIGIN_HEADER, PRIVATE, READING, REPLAYED, VISITOR_HEADER, WRITING

VISITOR_ID: dict[str, Any] = {
    "name": "visitorId",
    "in": "path",
    "required": True,
    "description": "The visitor's id. With a public key it must be that of `X-Visitor-Id`.",
    "schema": {"type": "string", "pattern": f"^{ULID}$"},
}

_NO_SUCH_VISITOR = "The id is malformed, or is not that of the calling visitor."

_SIGNALS = (
    "With a public key, such calls have a limit per IP address of their own, ten times that of messages. Beyond it "
    "they get the usual response, and nothing is stored."
)
_NOT_NEEDED = (
    "A visitor can chat without it, and none of it is verified: it is what the page reports. What is known of a "
    f"visitor is kept as long after the last such call as a conversation after its last change. {_SIGNALS}"
)
_PAGE: Mapping[str, Any] = {
    "url": "https://shop.example.com/orders",
    "path": "/orders",
    "title": "Your orders",
    "referrerUrl": None,
    "updatedAt": "2026-01-31T12:00:00.000Z",
}

_TELLING = {status: text for status, text in WRITING.items() if status != 413} | {413: "The body is too large."}


def _activity(
    summary: str, text: str, parameters: tuple[dict[str, Any], ...], refusals: Mapping[int, str]
) -> Description:
    return Description(
        tag="Visitors",
        summary=summary,
        text=f"{text} {_NOT_NEEDED}",
        parameters=parameters,
        requests={
            "On another page": {
                "activityType": "route_change",
                "sessionId": "0b0e9a3c-6f5b-4c4e-9a52-2f4f6a4f1c11",
                "currentPage": _PAGE,
            },
            "Still there": {},
        },
        response="It was accepted.",
        refusals=refusals,
    )


def _block(summary: str, text: str) -> Description:
    return Description(
        tag="Visitors",
        summary=summary,
        text=text,
        parameters=(VISITOR_ID, ACTOR_HEADER),
        response="The visitor.",
        response_headers=REPLAYED,
        refusals={
            **READING,
            **PRIVATE,
            400: "`X-Actor-User-Id` is not valid.",
            404: "The id is not that of a visitor.",
        },
    )


TEXTS = {
    "patchVisitor": Description(
        tag="Visitors",
        summary="Update a visitor's browser and page",
        text=f"Stores the fields that are sent; `null` removes one. {_NOT_NEEDED} IP addresses and locations are "
        "not stored.",
        parameters=(VISITOR_ID, VISITOR_HEADER, ORIGIN_HEADER),
        requests={
            "A browser": {
                "browser": "Firefox",
                "browserVersion": "146.0",
                "os": "Linux",
                "deviceType": "desktop",
                "language": "en-US",
                "timezone": "Europe/Berlin",
                "currentPage": _PAGE,
            }
        },
        response="The visitor.",
        refusals={**_TELLING, 404: _NO_SUCH_VISITOR},
    ),
    "patchContactMetadata": Description(
        tag="Visitors",
        summary="Set the metadata of a visitor's contact",
        text="Merges metadata into the contact; `null` removes a name. An `identityToken` among them is taken out, and "
        "proves who the visitor is: with a valid one the contact is created if there is none. A call that changes "
        f"nothing is a replay. {_SIGNALS}",
        parameters=(VISITOR_ID, VISITOR_HEADER, ORIGIN_HEADER, ACTOR_HEADER),
        requests={"A plan": {"metadata": {"plan": "pro", "seats": 3, "trial": None}}},
        response="The visitor.",
        response_headers=REPLAYED,
        refusals={
            **_TELLING,
            400: "The metadata or the identity token is invalid, or there is neither a contact nor a token.",
            404: _NO_SUCH_VISITOR,
            409: "The team has blocked the visitor, whose identity the token would change.",
        },
    ),
    "findVisitors": Description(
        tag="Visitors",
        summary="Find visitors",
        text="Lists up to 100 visitors whose contact has this account or e-mail address, the last seen first. "
        "`contact.verified` says whether it is proven or only claimed; where there are more than 100, those of whom it "
        "is proven are listed before others. In the query, the `+` of an address is written `%2B`.",
        parameters=(),
        response="The visitors.",
        refusals={**READING, **PRIVATE},
    ),
    "recordActivity": _activity(
        "Record a visitor's activity",
        "Updates `lastSeenAt`, and the page that the visitor is on.",
        (VISITOR_ID, VISITOR_HEADER, ORIGIN_HEADER),
        {**_TELLING, 404: _NO_SUCH_VISITOR},
    ),
    "recordOwnActivity": _activity(
        "Record the activity of the visitor in X-Visitor-Id",
        "The same as `/v1/visitors/{visitorId}/activity`, for the visitor in the header.",
        (VISITOR_HEADER, ORIGIN_HEADER),
        _TELLING,
    ),
    "getVisitor": Description(
        tag="Visitors",
        summary="Get a visitor",
        text="What pages have reported of a visitor, the contact, and whether the visitor is blocked.",
        parameters=({**VISITOR_ID, "description": "The visitor's id."},),
        response="The visitor.",
        refusals={**READING, **PRIVATE, 404: "Nothing is known of the visitor."},
    ),
    "blockVisitor": _block(
        "Block a visitor",
        "Every request that the visitor makes after this response to open a conversation, add to one, rate, identify, "
        "give feedback or signal typing gets a 409 `VISITOR_BLOCKED`, and writes nothing. The visitor can still read, "
        "and the company can still write to the visitor. A block stays until the visitor is unblocked. Somebody who "
        "clears the browser's storage is a new visitor, and is not blocked.",
    ),
    "unblockVisitor": _block("Unblock a visitor", "Lets a visitor write again."),
}
