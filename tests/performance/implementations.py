"""The four implementations, laid out as Lambda does, and the processes that they run in."""

import compileall
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from packaging.requirements import Requirement

from local import ROOT
from local.offline import variables
from local.template import latest

HOME = ROOT / "build" / "bench"
EVENTS = HOME / "events"
SIZES = (1, 10, 50, 99)
PAGE, MESSAGE, LIST, GET, INBOX = "page 50", "message", "list 6", "get", "inbox 50"
#: What is measured, warm: creations by their items, a page of a timeline, a message, a page of a visitor's
#: conversations, one of them, and a page of the inbox.
MEASURED = (*(f"warm {items}" for items in SIZES), PAGE, MESSAGE, LIST, GET, INBOX)
#: A creation with content of every size that is stored in a way of its own; it is checked, not measured.
LARGE = "large"

WEBSITE, ORGANIZATION = "01JDEM0WEBS1TEA00000000000", "01JDEM00RGAN1SAT10NA000000"
VISITOR = "01JDEM0V1S1T0R000000000000"
CONVERSATION = "CO0000000000000001"
#: A resolved conversation of the visitor, which is in no list.
RESOLVED = "CO0000000000000100"
#: One more than a page of 50, so that there are more: of items, and of conversations in the inbox.
STORED_ITEMS = STORED_CONVERSATIONS = 51
#: How many conversations the visitor has.
LISTED = 6


@dataclass(frozen=True)
class Implementation:
    """A deployment package: its handler, and for those that are not ours the distributions that it needs.

    `libraries` are the modules whose import counts as the libraries' part of a cold start. `function` is the template's
    name of ours.
    """

    name: str
    handler: str
    distributions: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    function: str | None = None

    @property
    def task(self) -> Path:
        """What is under /var/task."""
        return HOME / self.name / "task"

    @property
    def opt(self) -> Path:
        """What is under /opt; of our own functions alone, the others take theirs from this environment."""
        return HOME / self.name / "opt"

    def environment(self, endpoint: str) -> dict[str, str]:
        """Return the variables that Lambda and the template would set."""
        own = latest().function(self.function or "ConversationsFunction").environment
        return {
            **{name: value for name, value in own.items() if self.function or not name.startswith("PYDANTIC_")},
            **variables(endpoint),
            "_HANDLER": self.handler,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_NAME": "conversations",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "10",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "_X_AMZN_TRACE_ID": "Root=1-6b057c40-000000000000000000000001;Parent=0000000000000001;Sampled=0",
            "CONNECTIONS_URL": endpoint,
            "BENCH_LIBRARIES": " ".join(self.libraries),
            "LAMBDA_TASK_ROOT": str(self.task),
            "LANG": "en_US.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": f"{self.task}:{self.opt / 'python'}",
            "TZ": ":UTC",
        }

    def package_bytes(self) -> int:
        """Return the size of what would be deployed, unzipped and with bytecode."""
        own = sum(path.stat().st_size for root in (self.task, self.opt) for path in root.rglob("*") if path.is_file())
        files = {file for name in _closure(self.distributions) for file in metadata.files(name) or []}
        return own + sum(Path(str(file.locate())).stat().st_size for file in files if _is_deployed(file))


OURS = Implementation(
    "ours",
    "api.handler.handler",
    (),
    (
        "aws_lambda_powertools",
        "aws_lambda_powertools.event_handler",
        "cachetools",
        "pydantic",
        "ulid",
        "urllib3",
    ),
    "ConversationsFunction",
)
#: The function that tells connected clients what happens; the others have none.
FEED = Implementation("feed", "feed.handler.handler", function="FeedFunction")
FASTAPI = Implementation(
    "fastapi",
    "tests.performance.fastapi.handler",
    ("boto3", "cachetools", "fastapi", "mangum", "python-ulid"),
    ("boto3", "cachetools", "fastapi", "mangum", "pydantic", "ulid"),
)
POWERTOOLS = Implementation(
    "powertools",
    "tests.performance.powertools.handler",
    ("aws-lambda-powertools", "aws-xray-sdk", "boto3", "cachetools", "pydantic", "python-ulid"),
    (
        *("aws_lambda_powertools", "aws_lambda_powertools.event_handler", "aws_xray_sdk.core"),
        *("boto3", "cachetools", "pydantic", "ulid"),
    ),
)
FLOOR = Implementation(
    "floor", "tests.performance.floor.handler", (), ("hashlib", "hmac", "http.client", "json", "uuid")
)

ALL = (OURS, FASTAPI, POWERTOOLS, FLOOR)


def prepare(more: Mapping[str, dict[str, Any]] = MappingProxyType({})) -> None:
    """Write the events, with more for our own, and lay out the implementations that are not built by the Makefile."""
    EVENTS.mkdir(parents=True, exist_ok=True)
    events = {f"warm {items}": creation(messages(items)) for items in SIZES}
    large = [{"id": f"{length}", "text": "é" * length} for length in (2_000, 5_000)]
    events |= {PAGE: page(50), MESSAGE: message(), LARGE: creation([*messages(3), *large])}
    events |= {LIST: listing(), GET: getting(), INBOX: inbox(50), **more}
    for name, event in events.items():
        (EVENTS / f"{name}.json").write_text(json.dumps(event))
    for implementation in (FASTAPI, POWERTOOLS, FLOOR):
        task, own = implementation.task, Path("tests", "performance")
        shutil.rmtree(task, ignore_errors=True)
        (task / own).mkdir(parents=True)
        shutil.copy(ROOT / own / f"{implementation.name}.py", task / own)
        if implementation is not FLOOR:
            for shared in ("opening.py", "reading.py", "sending.py"):
                shutil.copy(ROOT / own / shared, task / own)
            for package in ("functions/api", "layers/shared/support"):
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / package, task / Path(package).name, ignore=ignored)
        compileall.compile_dir(task, quiet=1)


def messages(items: int) -> list[dict[str, Any]]:
    """Return messages as a widget's server sends them: with ids and times, every third with an image."""
    return [
        {
            "id": f"01JDEM0ITEM{position:015d}",
            "text": f"Message {position}: where is my order? It was to arrive on Monday, and I can't find it. 📦",
            "createdAt": f"2026-11-24T12:{position // 60:02d}:{position % 60:02d}.250Z",
            "visitorId": VISITOR,
            **(_with_image(position) if position % 3 == 2 else {}),
        }
        for position in range(items)
    ]


def creation(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the request that opens a conversation with these items."""
    body = {
        "visitorId": VISITOR,
        "channel": "widget",
        "metadata": {"plan": "pro", "seats": 5, "trial": False},
        "defaultTimelineItems": items,
    }
    return {**sample("POST", "/v1/conversations"), "body": json.dumps(body)}


def message() -> dict[str, Any]:
    """Return the request that adds a message to the conversation which `stub` has, after all that it has."""
    body = {"conversationId": CONVERSATION, "item": messages(STORED_ITEMS + 1)[-1]}
    return {**sample("POST", "/v1/messages"), "body": json.dumps(body)}


def page(limit: int) -> dict[str, Any]:
    """Return the request for the newest items of a timeline. With a private key: of all keys it takes most calls."""
    path, query = "/v1/conversations/{conversationId}/timeline", {"limit": str(limit)}
    return sample("GET", path, query, conversationId=CONVERSATION)


def listing() -> dict[str, Any]:
    """Return the request for a visitor's conversations, with a private key."""
    event = sample("GET", "/v1/conversations")
    return {**event, "headers": {**event["headers"], "x-visitor-id": VISITOR}}


def getting() -> dict[str, Any]:
    """Return the request for a conversation, with a private key."""
    return sample("GET", "/v1/conversations/{conversationId}", conversationId=CONVERSATION)


def inbox(limit: int) -> dict[str, Any]:
    """Return the request for the first page of open conversations."""
    return sample("GET", "/v1/conversations/inbox", {"limit": str(limit), "status": "open"})


def sample(method: str, route: str, query: dict[str, str] | None = None, **parameters: str) -> dict[str, Any]:
    """Return a request without a body, with a private key."""
    event: dict[str, Any] = json.loads((ROOT / "events" / "private-key.json").read_text())
    del event["body"]
    route_key, path = f"{method} {route}", route.format(**parameters)
    http = {**event["requestContext"]["http"], "method": method, "path": path}
    return {
        **event,
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "queryStringParameters": query or {},
        "pathParameters": parameters,
        "requestContext": {**event["requestContext"], "routeKey": route_key, "http": http},
        # What a live key creates is stored for good, so that its items are all alike.
        "headers": {**event["headers"], "authorization": "Bearer sk_live_" + "0123456789abcdef" * 4},
    }


def _with_image(position: int) -> dict[str, Any]:
    image = {"type": "image", "url": f"https://files.example.com/{position}.png", "mediaType": "image/png"}
    return {"parts": [{"type": "text", "text": f"Message {position}, with a picture."}, image]}


def inside(implementation: Implementation, mode: str, *plan: str) -> list[str]:
    """Return the command of a process that runs a mode of `inside`; see there."""
    return [
        sys.executable,
        "-P",
        str(Path(__file__).with_name("inside.py")),
        mode,
        implementation.handler,
        str(EVENTS),
        *plan,
    ]


@contextmanager
def started(implementation: Implementation, endpoint: str, command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command as the implementation's process while the context lasts; its lines are read from `stdout`."""
    process = subprocess.Popen(
        command,
        cwd=implementation.task,
        env=implementation.environment(endpoint),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def emulator() -> Path:
    """Return Lambda's Runtime Interface Emulator, which the aws-sam-cli package carries."""
    machine = "arm64" if platform.machine() == "aarch64" else platform.machine()
    [found] = (ROOT / ".local" / "sam").glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}")
    os.chmod(found, 0o755)
    return found


def _closure(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        requirements = [Requirement(line) for line in metadata.requires(name) or []]
        waiting += [one.name for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def _is_deployed(file: metadata.PackagePath) -> bool:
    return ".." not in file.parts and Path(str(file.locate())).is_file()
