"""The texts of a route, for the OpenAPI document."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class Description(NamedTuple):
    """The texts of a route, for the OpenAPI document.

    Parameters
    ----------
    parameters
        Headers and path parameters, as OpenAPI defines them. Query parameters come from the query's model.
    requests
        Examples of the body, by name. Examples of responses are recorded from the code (`make openapi`).
    response, response_headers, links
        The description of the response of a success, and its headers and links beyond those of every response.
    refusals
        The description of each other status. Its examples show its codes.
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
