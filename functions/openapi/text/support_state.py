"""Texts: the support state."""

from openapi.description import Description
from openapi.text.common import ORIGIN_HEADER, READING

TEXTS = {
    "getSupportState": Description(
        tag="Websites",
        summary="Get the support state",
        text="What widgets ask for when they start: no feature flags and no onboarding, always.",
        parameters=(ORIGIN_HEADER,),
        response="The support state.",
        refusals={status: meaning for status, meaning in READING.items() if status != 400},
    ),
}
