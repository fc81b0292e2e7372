"""The stack that most would choose: FastAPI behind Mangum, and boto3's resource."""

import json
import logging
import os
import sys
import time
from typing import Annotated, Any, Literal

import boto3
from api.http.requests.conversations import ConversationRequest
from api.http.requests.messages import MessageRequest
from cachetools import TTLCache
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from mangum import Mangum

from tests.performance.opening import (
    embedded_metrics,
    gate_of,
    hash_credentials,
    log_line,
    not_there,
    open_conversation,
)
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

app = FastAPI()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
keys: TTLCache[str, dict[str, Any]] = TTLCache(1000, int(os.environ["API_KEY_CACHE_SECONDS"]))

# Lambda has a handler already, and this adds none then.
logging.basicConfig(format="%(message)s", stream=sys.stdout)
logger = logging.getLogger("conversations")
logger.setLevel(logging.INFO)


def authenticate(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    secret_hash = hash_credentials(authorization)
    if secret_hash is None:
        raise HTTPException(401)
    if secret_hash not in keys:
        found = table.get_item(Key={"PK": f"APIKEY#{secret_hash}", "SK": "APIKEY"}, ConsistentRead=True)
        if "Item" not in found:
            raise HTTPException(401)
        keys[secret_hash] = found["Item"]
    return keys[secret_hash]


@app.post("/v1/conversations")
def create_conversation(
    http: Request, body: ConversationRequest, key: Annotated[dict[str, Any], Depends(authenticate)]
) -> dict[str, Any]:
    started = time.perf_counter()
    items, response = open_conversation(body, key)
    actions: list[Any] = [
        {"Put": {"TableName": table.name, "Item": item, **not_there(position)}} for position, item in enumerate(items)
    ]
    actions += gate_of(table, items)
    table.meta.client.transact_write_items(TransactItems=actions, ReturnConsumedCapacity="TOTAL")
    written = len(items) - 1
    report(http, key, started, items=written, written=written)
    logger.info(json.dumps(embedded_metrics(Created=1, Items=written)))
    return response


@app.get("/v1/conversations/{conversation_id}/timeline")
def get_timeline(
    http: Request,
    conversation_id: str,
    key: Annotated[dict[str, Any], Depends(authenticate)],
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Timeline:
    started = time.perf_counter()
    timeline = read_timeline(table, conversation_id, limit, key)
    if timeline is None:
        raise HTTPException(404)
    report(http, key, started, items=len(timeline.items), limit=limit)
    logger.info(json.dumps(embedded_metrics(Read=1)))
    return timeline


@app.get("/v1/conversations")
def get_conversations(
    http: Request,
    x_visitor_id: Annotated[str, Header()],
    key: Annotated[dict[str, Any], Depends(authenticate)],
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 6,
) -> Conversations:
    started = time.perf_counter()
    found = list_conversations(table, x_visitor_id, page, limit, key)
    report(http, key, started, items=len(found.conversations), limit=limit)
    logger.info(json.dumps(embedded_metrics(Read=1)))
    return found


@app.get("/v1/conversations/inbox")
def get_inbox(
    http: Request,
    key: Annotated[dict[str, Any], Depends(authenticate)],
    status: Literal["open", "resolved", "spam"] = "open",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Inbox:
    started = time.perf_counter()
    found = list_inbox(table, status, limit, key)
    report(http, key, started, items=len(found.items), limit=limit)
    logger.info(json.dumps(embedded_metrics(Read=1)))
    return found


@app.get("/v1/conversations/{conversation_id}")
def get_one(
    http: Request, conversation_id: str, key: Annotated[dict[str, Any], Depends(authenticate)]
) -> OneConversation:
    started = time.perf_counter()
    found = get_conversation(table, conversation_id, key)
    if found is None:
        raise HTTPException(404)
    report(http, key, started, items=1)
    logger.info(json.dumps(embedded_metrics(Read=1)))
    return found


@app.post("/v1/messages")
def create_message(http: Request, body: MessageRequest, key: Annotated[dict[str, Any], Depends(authenticate)]) -> Sent:
    started = time.perf_counter()
    sent = send_message(table, body, key)
    if sent is None:
        raise HTTPException(404)
    response, written = sent
    report(http, key, started, written=written)
    logger.info(json.dumps(embedded_metrics(Appended=1, Items=written)))
    return response


def report(http: Request, key: dict[str, Any], started: float, **counted: int) -> None:
    event = http.scope["aws.event"]
    line = {"level": "INFO", "message": "request", "timestamp": time.time()}
    line |= log_line(event["requestContext"]["requestId"], event["routeKey"], key, started, **counted)
    logger.info(json.dumps(line))


handler = Mangum(app, lifespan="off")
