"""Runs inside of the measured process, beside a handler: `inside.py MODE HANDLER EVENTS STEP...`.

It imports next to nothing itself. EVENTS is the folder of `<name>.json`; each STEP is `<name>x<requests>`.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]

#: What is asked for, in this order: the names of events, each with the event and with how often.
Plan = list[tuple[str, Event, int]]

#: How many requests a process has answered when it is warm.
WARM_UP = 3

#: What the time of a request goes to, by functions of ours and of libraries; what is in none of them is the rest.
PARTS = {
    "authentication": ("support.authentication:find_key", "support.authentication:require_allowed_origin"),
    "validation": ("api.app:parse_body", "api.app:parse_query"),
    "rules": (
        "api.routes.conversations:open_conversation",
        "api.routes.messages:send_message",
        "api.routes.timelines:read_timeline",
        "api.routes.conversations:list_conversations",
        "api.routes.conversations:get_conversation",
        "api.routes.inbox:list_inbox",
    ),
    "marshalling": ("support.dynamodb.table:transaction_request", "support.dynamodb.table:to_json"),
    "unmarshalling": ("support.dynamodb.table:unmarshal",),
    "values of items": ("support.values.timeline_item:TimelineItem.from_item",),
    "calls of DynamoDB": ("support.dynamodb.client:DynamoDB.call",),
    "signing": ("support.aws.client:Client._signed",),
    "sending": ("urllib3:HTTPConnectionPool.urlopen",),
    "checking responses": ("support.dynamodb.client:read_response",),
    "answer": (
        "api.routes.conversations:opened_response",
        "api.routes.messages:item_response",
        "api.routes.timelines:timeline_response",
        "api.routes.conversations:conversations_response",
        "api.routes.conversations:conversation_response",
        "api.routes.inbox:conversation_response",
        "support.http_api:json_response",
    ),
    "log and metrics": (
        "api.http.request_log:RequestLog.emit",
        "api.http.request_log:RequestLog.set_body_size",
        "api.http.request_log:RequestLog.succeed",
    ),
}


class Context:
    """The part of Lambda's context that handlers read; of its own, as the process has none of the tests' modules."""

    function_name = "conversations"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:conversations"
    memory_limit_in_mb = 1024
    aws_request_id = "6f7d2b1c-0000-4000-8000-000000000000"
    log_group_name = "/aws/lambda/conversations"
    log_stream_name = "2026/11/24/[$LATEST]0"

    def get_remaining_time_in_millis(self) -> int:
        # As long as a count takes on a busy machine.
        return 600_000


def load(name: str) -> Handler:
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), attribute)
    return handler


def repeat(handler: Handler, event: Event, times: int) -> float:
    """Return the seconds of CPU that so many requests take."""
    context = Context()
    started = time.process_time()
    for _ in range(times):
        response = handler(event, context)
        if not 200 <= response.get("statusCode", 200) < 300 or response.get("batchItemFailures"):
            raise RuntimeError(f"answered {response}")
    return time.process_time() - started


def run(name: str, plan: Plan) -> None:
    """Only answer: what this costs is counted from outside."""
    handler = load(name)
    for _, event, times in plan:
        repeat(handler, event, times)


def forks(name: str, plan: Plan) -> None:
    """Only answer, each step in forks of the initialised process: what these cost is counted from outside.

    A fork ends after one request, a fork of it after `WARM_UP`, and a fork of that after so many more as the step has.
    """
    handler = load(name)
    for _, event, times in plan:
        _fork(handler, event, 1, WARM_UP - 1, times)


def _fork(handler: Handler, event: Event, times: int, *later: int) -> None:
    if not (child := os.fork()):
        repeat(handler, event, times)
        if later:
            _fork(handler, event, *later)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("a fork failed")


def cold(name: str, plan: Plan) -> dict[str, float]:
    """Return the milliseconds of CPU of each step to the first answer."""
    spent = {"interpreter": time.process_time()}

    def finish(step: str) -> None:
        spent[step] = time.process_time() - sum(spent.values())

    for library in os.environ["BENCH_LIBRARIES"].split():
        importlib.import_module(library)
    finish("libraries")
    client = [0.0]
    if "botocore.session" in sys.modules:
        session = sys.modules["botocore.session"].Session
        setattr(session, "create_client", _timed(session.create_client, client))  # noqa: B010 (it has no types)
    handler = load(name)
    finish("models and own code")
    spent["models and own code"] -= client[0]
    spent["client"] = client[0]
    repeat(handler, plan[0][1], 1)
    finish("first request")
    return {step: seconds * 1000 for step, seconds in spent.items()}


def _timed(function: Callable[..., Any], total: list[float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            total[0] += time.process_time() - started

    return timed


def initialised(name: str, plan: Plan) -> dict[str, dict[str, float]]:
    """Return the CPU of a first and of a later request, in milliseconds, in forks of the initialised process."""
    return _forked(load(name), plan)


def primed(name: str, plan: Plan) -> dict[str, dict[str, float]]:
    """Return the same for forks of a process that has prepared for a snapshot.

    The other side keeps none of their connections: it changes its mind at the line that this prints.
    """
    handler = _prepared(name, plan)
    print("primed", flush=True)
    sys.stdin.readline()
    # A fork loses threads, which a snapshot keeps.
    return {} if threading.active_count() > 1 else _forked(handler, plan, awake=_awake)


def restored(name: str, plan: Plan) -> None:
    """Prepare for a snapshot, and only answer after it: what this costs is counted from outside, without a fork."""
    handler = _prepared(name, plan)
    _awake()
    for _, event, times in plan:
        repeat(handler, event, times)


def _prepared(name: str, plan: Plan) -> Handler:
    """Return a handler that has done what it does before a snapshot: its hooks, or else two requests."""
    os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
    handler = load(name)
    hooks = importlib.import_module("snapshot_restore_py").get_before_snapshot()
    for hook, arguments, options in reversed(hooks):
        hook(*arguments, **options)
    for _, event, _ in [] if hooks else plan:
        # Another key: the one of the measured request must not be cached.
        authorization = {"authorization": "Bearer sk_live_" + "f" * 64}
        repeat(handler, {**event, "headers": {**event["headers"], **authorization}}, 2)
    return handler


def _awake() -> None:
    for hook, arguments, options in importlib.import_module("snapshot_restore_py").get_after_restore():
        hook(*arguments, **options)


def _forked(handler: Handler, plan: Plan, awake: Callable[[], None] = lambda: None) -> dict[str, dict[str, float]]:
    found = {}
    for name, event, times in plan:
        read, write = os.pipe()
        if not (child := os.fork()):
            started = time.process_time()
            awake()
            repeat(handler, event, 1)
            first = time.process_time() - started
            repeat(handler, event, times)
            later = repeat(handler, event, times) / times
            os.write(write, json.dumps({"first": first * 1000, "warm": later * 1000}).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            found[name] = json.load(pipe)
        os.waitpid(child, 0)
    return found


def parts(name: str, plan: Plan) -> dict[str, dict[str, float]]:
    """Return the milliseconds of CPU that each part of a request takes itself, for each plan."""
    handler = load(name)
    spent: dict[str, float] = defaultdict(float)
    stack = ["rest"]
    since = [0.0]

    def switch() -> None:
        now = time.process_time()
        spent[stack[-1]] += now - since[0]
        since[0] = now

    def wrap(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            switch()
            stack.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                switch()
                stack.pop()

        return timed

    for part, names in PARTS.items():
        for path in names:
            module, _, attribute = path.partition(":")
            owner: Any = importlib.import_module(module)
            *outer, last = attribute.split(".")
            for step in outer:
                owner = getattr(owner, step)
            setattr(owner, last, wrap(getattr(owner, last), part))
    found = {}
    for step, event, times in plan:
        repeat(handler, event, times)
        spent.clear()
        since[0] = time.process_time()
        repeat(handler, event, times)
        switch()
        found[step] = {part: seconds * 1000 / times for part, seconds in spent.items()}
    return found


Rows = list[tuple[str, float, float, float]]


def functions(name: str, plan: Plan) -> dict[str, Rows]:
    """Return the functions that cost most by themselves: name, calls, own and whole microseconds, for a request."""
    import cProfile

    handler = load(name)
    found = {}
    for step, event, times in plan:
        repeat(handler, event, times)
        profile = cProfile.Profile()
        profile.runcall(repeat, handler, event, times)
        found[step] = _rows(profile, times)
    return found


def started(name: str, plan: Plan) -> dict[str, Rows]:
    """Return the same for a process's start to its first answer: a module's import is its function `<module>`."""
    import cProfile

    profile = cProfile.Profile()
    [(step, event, _)] = plan
    profile.runcall(lambda: repeat(load(name), event, 1))
    return {step: _rows(profile, 1)}


def _rows(profile: Any, times: int) -> Rows:
    import pstats

    rows = [
        (
            f"{Path(file).parent.name}/{Path(file).name}:{line} {function}" if line else function,
            calls / times,
            own * 1e6 / times,
            whole * 1e6 / times,
        )
        for (file, line, function), (calls, _, own, whole, _) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    ]
    return sorted(rows, key=lambda row: -row[2])[:40]


MODES: dict[str, Callable[[str, Plan], Any]] = {
    "cold": cold,
    "forks": forks,
    "functions": functions,
    "initialised": initialised,
    "parts": parts,
    "primed": primed,
    "restored": restored,
    "run": run,
    "started": started,
}


def main() -> None:
    signal.alarm(600)  # a handler that hangs ends with an error, and one that is counted on a busy machine does not
    _, mode, name, events, *steps = sys.argv
    plan = []
    for step in steps:
        what, _, times = step.rpartition("x")
        plan.append((what, json.loads(Path(events, f"{what}.json").read_bytes()), int(times)))
    result = MODES[mode](name, plan)
    if result is not None:
        print("result " + json.dumps(result))
    sys.stdout.flush()
    # What is counted from outside is the answers, not the end of the interpreter, which Lambda never comes to.
    os._exit(0)


if __name__ == "__main__":
    main()
