"""Counts the units of each call that passes the proxy, from what it asks for and what is stored."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local.dynamodb import connect
from tests.integration.proofs.proxy import Exchange, Fault, Proxy
from tests.units import Wire, Write, query_units, read_units, write_units

#: What of a query changes only which part of the entries that it reads is returned.
_RETURNED = {"ProjectionExpression", "FilterExpression", "Select"}

_SINGLE_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


@dataclass
class Units:
    """The calls of a request, and the units that AWS charges for them."""

    calls: list[str] = field(default_factory=list)
    read: float = 0
    written: int = 0


class Meter:
    """Counts units over one endpoint. Nobody else may change what it has read: it reads a row once."""

    def __init__(self, endpoint: str) -> None:
        self._client: Any = connect(endpoint)
        self._units = Units()
        self._rows: dict[str, Wire | None] = {}

    @contextmanager
    def counting(self, proxy: Proxy) -> Iterator[Units]:
        """Count what passes a proxy while the context lasts."""
        self._units = Units()
        proxy.faults = self._fault
        try:
            yield self._units
        finally:
            proxy.lift()

    def _fault(self, operation: str) -> Fault:
        self._units.calls.append(operation)
        return self._pass_on

    def _pass_on(self, exchange: Exchange) -> None:
        request = json.loads(exchange.body)
        keys = list(_written_keys(exchange.operation, request))
        before = [self._stored(table, key) for table, key in keys]
        response = exchange.forward()
        members = json.loads(response.body)
        if keys:
            self._rows.clear()
            after = [self._stored(table, key) for table, key in keys]
            is_transaction = exchange.operation == "TransactWriteItems"
            self._units.written += write_units(map(Write, before, after), is_transaction=is_transaction)
        elif response.status == 200:
            self._units.read += self._read(exchange.operation, request, members)
        exchange.respond(response)

    def _read(self, operation: str, request: dict[str, Any], members: dict[str, Any]) -> float:
        is_consistent = request.get("ConsistentRead", False)
        if operation == "GetItem":
            return read_units([self._stored(request["TableName"], request["Key"])], is_consistent=is_consistent)
        if operation == "BatchGetItem":
            [(table, batch)] = request["RequestItems"].items()
            left = members["UnprocessedKeys"].get(table, {}).get("Keys", [])
            read = [self._stored(table, key) for key in batch["Keys"] if key not in left]
            return read_units(read, is_consistent=batch.get("ConsistentRead", False))
        if operation == "Query":
            return query_units(self._entries(request), is_consistent=is_consistent)
        raise ValueError(f"no rule for {operation}")

    def _entries(self, request: dict[str, Any]) -> list[Wire]:
        """Read all of what a query reads, whatever it returns of that."""
        whole = {name: value for name, value in request.items() if name not in _RETURNED}
        for placeholders in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            # DynamoDB refuses those that are not used.
            used = re.findall(r"[#:]\w+", request["KeyConditionExpression"])
            whole[placeholders] = {name: value for name, value in request.get(placeholders, {}).items() if name in used}
        found: list[Wire] = self._client.query(**{name: value for name, value in whole.items() if value != {}})["Items"]
        return found

    def _stored(self, table: str, key: Mapping[str, Any]) -> Wire | None:
        name = json.dumps([table, key], sort_keys=True)
        if name not in self._rows:
            found = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
            self._rows[name] = found.get("Item")
        return self._rows[name]


def _written_keys(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if operation in _SINGLE_WRITES:
        yield request["TableName"], _key(request)
    if operation == "TransactWriteItems":
        for action in request["TransactItems"]:
            [written] = action.values()
            yield written["TableName"], _key(written)


def _key(written: dict[str, Any]) -> dict[str, Any]:
    return written.get("Key") or {name: written["Item"][name] for name in ("PK", "SK")}
