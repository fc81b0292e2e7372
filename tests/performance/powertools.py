"""The natural design of the field: Powertools' event handler with validation, Logger, Tracer, and boto3's resource."""

import logging
import os
import time
from typing import Annotated, Any, Literal

import boto3
from api.http.requests.conversations import ConversationRequest
from api.http.requests.messages import MessageRequest
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, UnauthorizedError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from cachetools import TTLCache

from tests.performance.opening import gate_of, hash_credentials, log_line, not_there, open_conversation
from tests.performance.reading import (
    Conversations,
    Inbox,
    OneConversation,
    Timeline,
    get_conversation,
    list_conversations,
    list_inbox,
    read_timeline,
)
from tests.performance.sending import Sent, send_message

# The emulator passes no trace on, of which X-Ray's SDK would warn in each request.
logging.getLogger("aws_xray_sdk").setLevel(logging.ERROR)

logger = Logger()
metrics = Metrics(namespace="Conversations")
tracer = Tracer()
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
keys: TTLCache[str, dict[str, Any]] = TTLCache(1000, int(os.environ["API_KEY_CACHE_SECONDS"]))


def authenticate(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    secret_hash = hash_credentials(app.current_event.headers.get("authorization", ""))
    if secret_hash is None:
        raise UnauthorizedError("The API key is not valid.")
    if secret_hash not in keys:
        found = table.get_item(Key={"PK": f"APIKEY#{secret_hash}", "SK": "APIKEY"}, ConsistentRead=True)
        if "Item" not in found:
            raise UnauthorizedError("The API key is not valid.")
        keys[secret_hash] = found["Item"]
    app.append_context(key=keys[secret_hash])
    return next_middleware(app)


@app.post("/v1/conversations", middlewares=[authenticate])
def create_conversation(body: Annotated[ConversationRequest, Body()]) -> dict[str, Any]:
    started = time.perf_counter()
    key = app.context["key"]
    items, response = open_conversation(body, key)
    actions: list[Any] = [
        {"Put": {"TableName": table.name, "Item": item, **not_there(position)}} for position, item in enumerate(items)
    ]
    actions += gate_of(table, items)
    table.meta.client.transact_write_items(TransactItems=actions, ReturnConsumedCapacity="TOTAL")
    written = len(items) - 1
    report(key, started, items=written, written=written)
    metrics.add_metric(name="Created", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Items", unit=MetricUnit.Count, value=written)
    return response


@app.get("/v1/conversations/<conversation_id>/timeline", middlewares=[authenticate])
def get_timeline(conversation_id: str, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> Timeline:
    started = time.perf_counter()
    key = app.context["key"]
    timeline = read_timeline(table, conversation_id, limit, key)
    if timeline is None:
        raise NotFoundError
    report(key, started, items=len(timeline.items), limit=limit)
    metrics.add_metric(name="Read", unit=MetricUnit.Count, value=1)
    return timeline


@app.get("/v1/conversations", middlewares=[authenticate])
def get_conversations(
    x_visitor_id: Annotated[str, Header()],
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 6,
) -> Conversations:
    started = time.perf_counter()
    key = app.context["key"]
    found = list_conversations(table, x_visitor_id, page, limit, key)
    report(key, started, items=len(found.conversations), limit=limit)
    metrics.add_metric(name="Read", unit=MetricUnit.Count, value=1)
    return found


@app.get("/v1/conversations/inbox", middlewares=[authenticate])
def get_inbox(
    status: Annotated[Literal["open", "resolved", "spam"], Query()] = "open",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Inbox:
    started = time.perf_counter()
    key = app.context["key"]
    found = list_inbox(table, status, limit, key)
    report(key, started, items=len(found.items), limit=limit)
    metrics.add_metric(name="Read", unit=MetricUnit.Count, value=1)
    return found


@app.get("/v1/conversations/<conversation_id>", middlewares=[authenticate])
def get_one(conversation_id: str) -> OneConversation:
    started = time.perf_counter()
    key = app.context["key"]
    found = get_conversation(table, conversation_id, key)
    if found is None:
        raise NotFoundError
    report(key, started, items=1)
    metrics.add_metric(name="Read", unit=MetricUnit.Count, value=1)
    return found


@app.post("/v1/messages", middlewares=[authenticate])
def create_message(body: Annotated[MessageRequest, Body()]) -> Sent:
    started = time.perf_counter()
    key = app.context["key"]
    sent = send_message(table, body, key)
    if sent is None:
        raise NotFoundError
    response, written = sent
    report(key, started, written=written)
    metrics.add_metric(name="Appended", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Items", unit=MetricUnit.Count, value=written)
    return response


def report(key: dict[str, Any], started: float, **counted: int) -> None:
    event = app.current_event
    route = str(event["routeKey"])
    logger.info("request", extra=log_line(event.request_context.request_id, route, key, started, **counted))
    metrics.add_dimension(name="stage", value=os.environ["STAGE"])


@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    response: dict[str, Any] = app.resolve(event, context)
    return response
