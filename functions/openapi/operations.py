"""What the document says of one route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Operation:
    """A route, described.

    Parameters
    ----------
    headers
        The request's, as OpenAPI parameters: Powertools would write their names in lower case.
    request, requests
        The model of the body, and examples of it by name.
    answer, answered, answer_headers, links
        The type of the body of a 200, what it means, and what only this route's has.
    refusals
        What each other status means. The codes that it comes with are those of its examples.
    """

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    headers: Sequence[Mapping[str, Any]]
    request: type[BaseModel]
    requests: Mapping[str, Any]
    answer: type
    answered: str
    answer_headers: Mapping[str, Any]
    links: Mapping[str, Any]
    refusals: Mapping[int, str]
