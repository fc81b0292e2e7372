"""A route: one entry that defines everything about it but where it is called, which is in `registrations`.

The router runs it, its id names its metrics, the OpenAPI document is generated from it, and tests check the
contract, template.yaml and IAM against it. Its texts for people are in `openapi.text`, under its id.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel
from support.caller import Caller
from support.observability import Metric
from support.store.stores import Stores

from api.files import Files
from api.http.bodies import MAX_BODY_BYTES
from api.http.success import Success
from api.http.visitor import VisitorRequired
from api.live import Live
from api.registrations import REGISTRATIONS

#: What counts towards a limit per IP address, each with a counter of its own: what is written to conversations, who a
#: visitor says they are, and what a page tells of its visitor.
Limit = Literal["writes", "identify", "signals"]

Query = TypeVar("Query", bound=BaseModel | None)
Body = TypeVar("Body", bound=BaseModel | None)


class Request(NamedTuple, Generic[Query, Body]):
    """A request whose key, origin, limit, query, body and visitor are valid.

    `headers` have names in lower case; `parameters` are those of the path. `over_limit` is true where an address is
    over a limit that refuses nothing.
    """

    caller: Caller
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    query: Query
    body: Body
    live: Live
    files: Files
    over_limit: bool


class Route(NamedTuple, Generic[Query, Body]):
    """A route.

    Parameters
    ----------
    id
        Its name in `REGISTRATIONS`, in the document, in metrics, and in generated clients.
    keys
        Which API keys it accepts: `any`, or `private` only.
    visitor_required
        Which calls must name a visitor: they can access only that visitor's conversations.
    response
        The type of the body of a success.
    run
        Handles the request; raises `Refusal`.
    metric
        The metric that counts a success that is not a replay.
    limit
        The limit per IP address that calls with public keys count towards, if any. Over that of `signals` a call gets
        its usual response and does nothing; over another it is a 429.
    query, body
        The models of the request's query and body; None if it has none.
    max_body_bytes
        The maximum size of the decoded body; a larger one is a 413 before anything is parsed.
    status
        The HTTP status of a success.
    """

    id: str
    keys: Literal["any", "private"]
    visitor_required: VisitorRequired
    response: type
    run: Callable[[Request[Query, Body], Stores], Success]
    metric: Literal[Metric.READ, Metric.APPENDED, Metric.CHANGED]
    limit: Limit | None = None
    query: type[Query] | None = None
    body: type[Body] | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    status: int = 200

    @property
    def method(self) -> str:
        """The method by which it is called."""
        return REGISTRATIONS[self.id].method

    @property
    def path(self) -> str:
        """The path under which it is called: `/v1/conversations/{conversationId}`."""
        return REGISTRATIONS[self.id].path

    @property
    def rate_limited(self) -> bool:
        """Whether a call may be refused for the limit per IP address."""
        return self.limit not in {None, "signals"}


AnyRoute = Route[Any, Any]
