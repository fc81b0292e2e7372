"""Texts: websites."""

from openapi.description import Description
from openapi.text.common import ORIGIN_HEADER, READING

TEXTS = {
    "getWebsite": Description(
        tag="Websites",
        summary="Get the website",
        text="The website of the key as configured by operators, the agents who respond there, and an id for the "
        "visitor. Nothing is written: a visitor without an id keeps the one of the response, and sends it from then "
        "on. A change of the website is visible everywhere within a minute.",
        parameters=(
            {
                "name": "X-Visitor-Id",
                "in": "header",
                "description": "The visitor, if the widget knows one: a ULID. Without it, or if it is not a ULID, the "
                "response has a new one.",
                "schema": {"type": "string"},
            },
            ORIGIN_HEADER,
        ),
        response="The website.",
        refusals={status: meaning for status, meaning in READING.items() if status != 400},
    ),
}
