"""What a request leaves behind: one line in the log, and its metrics."""

import hashlib
import re
import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from support.dynamodb.table import Usage
from support.observability import Metric, logger, measure, metrics
from support.values.api_key import ApiKey

from api.domain.conversations import Opened

# W3C Trace Context, section 3.2: version (not ff), trace id and parent id (neither all zeros), flags.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

#: True until this environment's first request.
_cold = True


class Report:
    """Gathers what is known of a request while it is served."""

    def __init__(self, event: Mapping[str, Any], context: LambdaContext, stage: str) -> None:
        global _cold  # noqa: PLW0603
        self.request_id: str = event["requestContext"]["requestId"]
        self._stage = stage
        self._mode = "none"
        self._started = self._part_started = time.perf_counter()
        self._milliseconds: dict[str, float] = {}
        # It also stands in what others log of this request.
        logger.append_keys(request_id=self.request_id)
        self._line: dict[str, object] = {
            "function_request_id": context.aws_request_id,
            "cold_start": _cold,
            "route": event["routeKey"],
        }
        _cold = False

    def end(self, part: str) -> None:
        """Note that a part of the work is done, which began when the one before it ended."""
        now = time.perf_counter()
        self._milliseconds[part] = round((now - self._part_started) * 1000, 2)
        self._part_started = now

    def sent(self, headers: Mapping[str, str]) -> None:
        """Note what the headers tell of where the request belongs."""
        if match := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
            self._line["trace_id"] = match[1]

    def called_by(self, key: ApiKey) -> None:
        """Note whose request it is."""
        self._mode = key.mode
        self._line |= {"website_id": key.website_id, "key_id": key.id, "mode": key.mode}

    def received(self, size: int) -> None:
        """Note a valid body of so many bytes."""
        self._line["bytes"] = size
        measure(Metric.PAYLOAD_BYTES, size)

    def about(self, visitor_id: str) -> None:
        """Note the visitor, hashed: requests can be correlated without knowing whose they are."""
        self._line["visitor"] = hashlib.sha256(visitor_id.encode()).hexdigest()[:16]

    def opened(self, opened: Opened) -> None:
        """Note a success."""
        self._line["items"] = len(opened.items)
        if opened.is_new:
            self._line |= {"written": opened.written, "replay": False}
            measure(Metric.CREATED)
            measure(Metric.ITEMS, opened.written)
        else:
            self.appended(opened.written)
            self._line["replay"] = True

    def read(self, route_id: str, items: int, limit: int | None = None) -> None:
        """Note a success of a route that reads so many items, of at most `limit`."""
        self._line |= {"items": items} if limit is None else {"items": items, "limit": limit}
        measure(Metric.READ, detail=route_id)

    def appended(self, written: int) -> None:
        """Note a success of a route that adds items to a conversation that exists."""
        self._line |= {"written": written, "replay": not written}
        measure(Metric.APPENDED if written else Metric.REPLAYED)
        measure(Metric.ITEMS, written)

    def changed(self, route_id: str, *, replayed: bool) -> None:
        """Note a success of a route that changes a conversation itself."""
        self._line["replay"] = replayed
        if replayed:
            measure(Metric.REPLAYED)
        else:
            measure(Metric.CHANGED, detail=route_id)

    def refused(self, code: str) -> None:
        """Note an error."""
        self._line["code"] = code
        measure(Metric.REFUSED, detail=code)

    def emit(self, status: int, usage: Usage) -> None:
        """Write the line and the metrics."""
        total = round((time.perf_counter() - self._started) * 1000, 2)
        database = round(usage.seconds * 1000, 2)
        self._line |= {
            "status": status,
            "milliseconds": {**self._milliseconds, "database": database, "total": total},
            "database_calls": usage.calls,
            "capacity_units": usage.capacity_units,
        }
        if usage.faults:
            self._line["database_faults"] = usage.faults
            measure(Metric.DATABASE_RETRIES, len(usage.faults))
            measure(Metric.DATABASE_CONFLICTS, sum("Conflict" in fault for fault in usage.faults))
            measure(Metric.DATABASE_THROTTLES, sum("Thr" in fault or "Exceeded" in fault for fault in usage.faults))
        if usage.calls:
            measure(Metric.DATABASE_MILLISECONDS, database)
        logger.info("request", extra=self._line)
        if metrics.metric_set:  # a route may have nothing to measure
            metrics.add_dimension(name="stage", value=self._stage)
            metrics.add_dimension(name="mode", value=self._mode)
            # A second set: alarms and the dashboard read one metric for all modes.
            metrics.add_dimensions(stage=self._stage)
            metrics.flush_metrics()
