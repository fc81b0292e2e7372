"""A route in words."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class Description(NamedTuple):
    """A route in words, for the OpenAPI document.

    Parameters
    ----------
    parameters
        Headers and parameters of the path, as OpenAPI writes them. Those of the query are the model's.
    requests
        Examples of the body, by name. Those of responses are recorded from the code (`make openapi`).
    response, response_headers, links
        What a 200 means, and what only this route's has.
    refusals
        What each other status means. The codes that it comes with are those of its examples.
    """

    summary: str
    text: str
    response: str
    refusals: Mapping[int, str]
    tag: str = "Conversations"
    parameters: Sequence[Mapping[str, Any]] = ()
    requests: Mapping[str, Any] = MappingProxyType({})
    response_headers: Mapping[str, Any] = MappingProxyType({})
    links: Mapping[str, Any] = MappingProxyType({})
