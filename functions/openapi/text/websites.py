"""Texts: websites."""

from openapi.description import Description
from openapi.text.common import ORIGIN_HEADER, READING

TEXTS = {
    "getWebsite": Description(
        tag="Websites",
        summary="Get the website",
        text="The website of the key, as operators have set it, who answers there, and an id for the visitor. Nothing "
        "is written: a visitor without an id keeps the one that is answered, and sends it from then on. A change is "
        "seen everywhere within a minute.",
        parameters=(
            {
                "name": "X-Visitor-Id",
                "in": "header",
                "description": "The visitor, if the widget knows one: a ULID. With anything else, or none, the answer "
                "has a new one.",
                "schema": {"type": "string"},
            },
            ORIGIN_HEADER,
        ),
        response="The website.",
        refusals={status: meaning for status, meaning in READING.items() if status != 400},
    ),
}
