"""The bodies of errors, for the OpenAPI document only."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class ErrorDetail(TypedDict):
    """One thing to change in a request."""

    path: Annotated[
        str,
        Field(
            description="Where: field names and indexes joined by dots, the name of a header, or empty for the whole "
            "body.",
            examples=["defaultTimelineItems.0.parts.1.url"],
        ),
    ]
    message: Annotated[str, Field(description="What is expected there. Never quotes the value.")]


_ForPeople = Annotated[str, Field(description="What is wrong, for people.")]
_ForPeopleToo = Annotated[str, Field(description="The same as `error`.")]
# Not an enumeration: generated clients could not read a response with a code that was added later.
_ForPrograms = Annotated[
    str, Field(description="What is wrong, for programs: see the examples. More codes may be added.")
]
_ForSupport = Annotated[str, Field(description="Quote it to support.")]
_Details = Annotated[list[ErrorDetail], Field(max_length=20, description="The first 20 things to change, where known.")]


class ApiError(TypedDict):
    """An error response."""

    error: _ForPeople
    message: _ForPeopleToo
    code: _ForPrograms
    requestId: _ForSupport
    details: NotRequired[_Details]


class AnyError(TypedDict):
    """An error response of the API, or of API Gateway in front of it, which sends `message` only."""

    error: NotRequired[_ForPeople]
    message: _ForPeople
    code: NotRequired[_ForPrograms]
    requestId: NotRequired[_ForSupport]
    details: NotRequired[_Details]
