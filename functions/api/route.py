"""A route is one entry, from which all else follows.

The router registers it and measures it by its id, the OpenAPI document is made from it, and tests hold the contract,
template.yaml and IAM against it. What people read of it is in `openapi.text`, under its id.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel
from support.observability import Metric
from support.store.stores import Stores

from api.domain.caller import Caller
from api.http.bodies import MAX_BODY_BYTES
from api.http.success import Success
from api.http.visitor import VisitorRequired
from api.live import Live

Query = TypeVar("Query", bound=BaseModel | None)
Body = TypeVar("Body", bound=BaseModel | None)


class Request(NamedTuple, Generic[Query, Body]):
    """A request whose key, origin, limit, query, body and visitor are valid.

    `headers` have names in lower case; `parameters` are those of the path; `source_ip` is the address that the gateway
    saw.
    """

    caller: Caller
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    query: Query
    body: Body
    source_ip: str
    live: Live


class Route(NamedTuple, Generic[Query, Body]):
    """A route.

    Parameters
    ----------
    id
        Its name in the document, in metrics, and in what generators make of the document.
    method, path
        As in template.yaml: `POST`, `/v1/conversations/{conversationId}`.
    keys
        Which API keys it takes: `any`, or `private` alone.
    visitor_required
        Which calls must name a visitor: they access that visitor's conversations alone.
    response
        The type of the body of a 200.
    run
        What it does; raises `Refusal`.
    metric
        What a success that was no replay counts as.
    rate_limited
        Whether calls with public keys count for the limit by address.
    query, body
        The models of the request's query and body; None if it has none.
    max_body_bytes
        The most that a decoded body may hold; over it, 413 before anything is parsed.
    """

    id: str
    method: str
    path: str
    keys: Literal["any", "private"]
    visitor_required: VisitorRequired
    response: type
    run: Callable[[Request[Query, Body], Stores], Success]
    metric: Literal[Metric.READ, Metric.APPENDED, Metric.CHANGED]
    rate_limited: bool = False
    query: type[Query] | None = None
    body: type[Body] | None = None
    max_body_bytes: int = MAX_BODY_BYTES


AnyRoute = Route[Any, Any]
