"""What a route is: one entry, from which all else follows.

The router registers it, the OpenAPI document and its examples are made from it, and tests hold the contract,
template.yaml and IAM against it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel
from support.store.conversations import ConversationStore

from api.domain.caller import Caller
from api.http.bodies import MAX_BODY_BYTES
from api.http.request_log import Report
from api.http.visitor import About

Query = TypeVar("Query", bound=BaseModel | None)
Body = TypeVar("Body", bound=BaseModel | None)


class Services(NamedTuple):
    """What routes use."""

    conversations: ConversationStore


class Request(NamedTuple, Generic[Query, Body]):
    """A request whose key, origin, limit, query, body and visitor are found good.

    `headers` have names in lower case; `parameters` are those of the path.
    """

    caller: Caller
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    query: Query
    body: Body
    report: Report


class Success(NamedTuple):
    """What a route answers with 200; `replayed` says that nothing was written."""

    body: Mapping[str, Any]
    replayed: bool = False


class Description(NamedTuple):
    """A route in words, for the OpenAPI document.

    Parameters
    ----------
    parameters
        Headers and parameters of the path, as OpenAPI writes them. Those of the query are the model's.
    requests
        Examples of the body, by name. Those of answers are recorded from the code (`make openapi`).
    answered, answer_headers, links
        What a 200 means, and what only this route's has.
    refusals
        What each other status means. The codes that it comes with are those of its examples.
    """

    summary: str
    text: str
    answered: str
    refusals: Mapping[int, str]
    tag: str = "Conversations"
    parameters: Sequence[Mapping[str, Any]] = ()
    requests: Mapping[str, Any] = MappingProxyType({})
    answer_headers: Mapping[str, Any] = MappingProxyType({})
    links: Mapping[str, Any] = MappingProxyType({})


class Route(NamedTuple, Generic[Query, Body]):
    """A route.

    Parameters
    ----------
    id
        Its name in the document and in what generators make of it.
    method, path
        As in template.yaml: `POST`, `/v1/conversations/{conversationId}`.
    keys
        Which API keys it takes: `any`, or `private` alone.
    is_counted
        Whether calls with public keys count for the limit by address.
    about
        Which calls are about one visitor, who must then be named.
    query, body
        The models of the request's query and body; None if it has none.
    answer
        The type of the body of a 200.
    run
        What it does; raises `Refusal`.
    max_body_bytes
        The most that a decoded body may hold; over it, 413 before anything is parsed.
    """

    id: str
    method: str
    path: str
    keys: Literal["any", "private"]
    is_counted: bool
    about: About
    query: type[Query] | None
    body: type[Body] | None
    answer: type
    run: Callable[[Request[Query, Body], Services], Success]
    description: Description
    max_body_bytes: int = MAX_BODY_BYTES


AnyRoute = Route[Any, Any]
