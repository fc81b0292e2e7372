"""The bodies of errors, for the document alone."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class ErrorDetail(TypedDict):
    """One thing to change in a request."""

    path: Annotated[
        str,
        Field(
            description="Where: names and positions joined by dots, a header's name, or empty for the whole body.",
            examples=["defaultTimelineItems.0.parts.1.url"],
        ),
    ]
    message: Annotated[str, Field(description="What is expected there. Never quotes what was sent.")]


_ForPeople = Annotated[str, Field(description="What is wrong, for people.")]
_ForPeopleToo = Annotated[str, Field(description="The same as `error`.")]
# No enumeration: clients that were generated from one can't read an answer with a code that came later.
_ForPrograms = Annotated[str, Field(description="What is wrong, for programs: see the examples. More codes may come.")]
_ForSupport = Annotated[str, Field(description="Quote it to support.")]
_Details = Annotated[list[ErrorDetail], Field(max_length=20, description="The first 20 things to change, where known.")]


class ApiError(TypedDict):
    """An answer that is not a success."""

    error: _ForPeople
    message: _ForPeopleToo
    code: _ForPrograms
    requestId: _ForSupport
    details: NotRequired[_Details]


class AnyError(TypedDict):
    """An answer that is not a success, of the API or of the gateway before it, which says the message alone."""

    error: NotRequired[_ForPeople]
    message: _ForPeople
    code: NotRequired[_ForPrograms]
    requestId: NotRequired[_ForSupport]
    details: NotRequired[_Details]
