"""Calls the operators' function as Lambda does: an event in, an answer out."""

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from operators.app import create_handler
from operators.operations import Operations
from support.deadlines import Deadline
from support.dynamodb.table import Table

from tests.bucket import S3, bucket_of
from tests.builders import ORGANIZATION, Context

#: `operate("issue_key", websiteId=..., ...)`, or `operate(event={...})` with a whole event.
Operate = Callable[..., dict[str, Any]]


def hooked(table: Table, before: Mapping[int, Callable[[], object]]) -> Table:
    """Let something happen before the n-th transaction of a table, the first being 1; return the table."""
    carry_out, numbers = table.transact, count(1)

    def transact(actions: Any, deadline: Deadline, **how: Any) -> None:
        number = next(numbers)
        if number in before:
            before[number]()
        carry_out(actions, deadline, **how)

    vars(table)["transact"] = transact
    return table


def operators_over(table: Table, clock: Callable[[], float] = time.time) -> Operate:
    """Return a function that calls the operators' function over a table."""
    handler = create_handler(Operations(table, clock=clock, files_bucket=lambda: bucket_of(S3())))

    def call(action: str = "", *, event: Any = None, **fields: Any) -> dict[str, Any]:
        return handler({"action": action, **fields} if event is None else event, Context())

    return call


def a_website(operate: Operate, *allowed_origins: str) -> str:
    """Make a website and return its id."""
    response = operate("create_website", name="Shop", organizationId=ORGANIZATION, allowedOrigins=list(allowed_origins))
    website_id: str = response["website"]["id"]
    return website_id


def a_key(operate: Operate, website_id: str, key_type: str = "private", mode: str = "test", **fields: Any) -> Any:
    """Issue a key and return its id and its secret."""
    response = operate("issue_key", websiteId=website_id, type=key_type, mode=mode, **{"name": "Server", **fields})
    return response["key"]["id"], response["secret"]


def refused(response: dict[str, Any]) -> str:
    """Return the code of a refusal, with the paths of what is to be changed after it."""
    error = response["error"]
    return " ".join([error["code"], *(detail["path"] for detail in error.get("details", []))])
