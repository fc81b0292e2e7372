"""One log line and the metrics of a request."""

import re
import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from support.dynamodb.table import Usage
from support.observability import Metric, hashed, logger, measure, metrics
from support.values.api_key import ApiKey

from api.http.success import Success

# W3C Trace Context, section 3.2: version (not ff), trace id and parent id (neither all zeros), flags.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

#: True until this environment's first request.
_cold = True


class RequestLog:
    """Collects the fields of the log line while a request is served."""

    def __init__(self, event: Mapping[str, Any], context: LambdaContext, stage: str) -> None:
        global _cold  # noqa: PLW0603
        self.request_id: str = event["requestContext"]["requestId"]
        self._stage = stage
        self._mode = "none"
        self._started = self._part_started = time.perf_counter()
        self._milliseconds: dict[str, float] = {}
        # Added to every log line of this request.
        logger.append_keys(request_id=self.request_id)
        self._line: dict[str, object] = {
            "function_request_id": context.aws_request_id,
            "cold_start": _cold,
            "route": event["routeKey"],
        }
        _cold = False

    def end(self, part: str) -> None:
        """Record the duration of a part of the work, which began when the part before it ended."""
        now = time.perf_counter()
        self._milliseconds[part] = round((now - self._part_started) * 1000, 2)
        self._part_started = now

    def set_trace_id(self, headers: Mapping[str, str]) -> None:
        """Record the trace that the request belongs to."""
        if match := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
            self._line["trace_id"] = match[1]

    def set_key(self, key: ApiKey) -> None:
        """Record the API key of the request."""
        self._mode = key.mode
        self._line |= {"website_id": key.website_id, "key_id": key.id, "mode": key.mode}

    def set_body_size(self, size: int) -> None:
        """Record the size of a valid body, in bytes."""
        self._line["bytes"] = size
        measure(Metric.PAYLOAD_BYTES, size)

    def set_visitor(self, visitor_id: str | None) -> None:
        """Record a hash of the visitor, if one is named."""
        if visitor_id is not None:
            self._line["visitor"] = hashed(visitor_id)

    def succeed(self, route_id: str, metric: Metric, success: Success, limit: int | None) -> None:
        """Record a success; `metric` counts it unless it is a replay.

        `limit` is the maximum number of entries of a page, if the route has pages.
        """
        counts = {"items": success.items, "limit": limit, "written": success.written}
        self._line |= {name: count for name, count in counts.items() if count is not None}
        if metric is not Metric.READ:
            self._line["replay"] = success.replayed
        if success.replayed:
            measure(Metric.REPLAYED)
        elif success.opened:
            measure(Metric.CREATED)
        elif metric is Metric.APPENDED:
            measure(Metric.APPENDED)
        else:
            measure(metric, detail=route_id)
        if success.written is not None:
            measure(Metric.ITEMS, success.written)

    def refuse(self, code: str) -> None:
        """Record an error."""
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
        if metrics.metric_set:  # may be empty
            metrics.add_dimension(name="stage", value=self._stage)
            metrics.add_dimension(name="mode", value=self._mode)
            # A second set: alarms and the dashboard read one metric for all modes.
            metrics.add_dimensions(stage=self._stage)
            metrics.flush_metrics()
