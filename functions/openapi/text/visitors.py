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

_NO_SUCH_VISITOR = "The visitor is not the caller, or the id is not one."

_SIGNALS = (
    "With a public key, calls of one address beyond ten times its limit get the usual response and store nothing."
)
_NOT_NEEDED = (
    "None of it is needed to chat and none of it proves anything: it is what a page says. A visitor is kept as long "
    f"after the last such call as a conversation after its last change. {_SIGNALS}"
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
        response="It was accepted, at this time.",
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
        summary="Tell what a page knows of its visitor",
        text=f"Stores the fields that are sent; `null` removes one. {_NOT_NEEDED} Neither an address of the network "
        "nor a place is stored.",
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
        "proves who the visitor is: with a valid one the contact is created if there is none. What changes nothing is "
        f"a replay. {_SIGNALS}",
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
        text="Lists the visitors of whom this is proven or claimed, the last seen first: `contact.verified` says "
        "which. Of more than 100, those of whom it is proven come before the others.",
        parameters=(),
        response="The visitors.",
        refusals={**READING, **PRIVATE},
    ),
    "recordActivity": _activity(
        "Tell that a visitor is there",
        "Moves `lastSeenAt`, and the page that the visitor is on.",
        (VISITOR_ID, VISITOR_HEADER, ORIGIN_HEADER),
        {**_TELLING, 404: _NO_SUCH_VISITOR},
    ),
    "recordOwnActivity": _activity(
        "Tell that the visitor of X-Visitor-Id is there",
        "The same as `/v1/visitors/{visitorId}/activity`, of the visitor in the header.",
        (VISITOR_HEADER, ORIGIN_HEADER),
        _TELLING,
    ),
    "getVisitor": Description(
        tag="Visitors",
        summary="Get a visitor",
        text="What pages have told of a visitor, and whether the visitor may write.",
        parameters=({**VISITOR_ID, "description": "The visitor's id."},),
        response="The visitor.",
        refusals={**READING, **PRIVATE, 404: "Nothing is known of the visitor."},
    ),
    "blockVisitor": _block(
        "Block a visitor",
        "From this response on, each request of the visitor that begins later and opens a conversation, adds to one, "
        "rates, identifies, gives feedback or types is a 409 `VISITOR_BLOCKED`, and writes nothing. The visitor can "
        "still read, and the company can still write to the visitor. A block stays until it is ended. Somebody who "
        "clears the browser's storage is another visitor.",
    ),
    "unblockVisitor": _block("Unblock a visitor", "Lets a visitor write again."),
}
