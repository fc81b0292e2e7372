"""The API over HTTP: one `make run` with data of its own, and nothing between the tests and the socket."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest
from api.route import AnyRoute

from local import ROOT
from local.ports import free_port
from tests.builders import private
from tests.client import Api, Response, api_over
from tests.document import require_documented
from tests.stored import Storage

ENDPOINT = "/v1/conversations"

#: More than all tests together call with a public key of one mode, but for the one that goes past it.
RATE_LIMIT = 60


@dataclass(frozen=True)
class Server:
    """A running `make run`, and the endpoint URL of its database."""

    port: int
    database: str

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request as it is; a list of headers may name one twice. Header names come back in lower case."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.putrequest(method, path)
            for name, value in headers.items() if isinstance(headers, Mapping) else headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(
        self,
        body: object = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        *,
        raw: bytes | None = None,
        content_type: str | None = "application/json",
    ) -> Response:
        """Create a conversation; the answer must be as documented."""
        sent = private() if headers is None else headers
        pairs = list(sent.items()) if isinstance(sent, Mapping) else list(sent)
        if content_type is not None:
            pairs.append(("content-type", content_type))
        status, received, text = self.send("POST", ENDPOINT, json.dumps(body).encode() if raw is None else raw, pairs)
        answer = Response(status, received, json.loads(text))
        require_documented(answer.status, answer.headers, answer.body)
        return answer

    def get(self, route: AnyRoute, headers: Mapping[str, str], query: str = "", **parameters: str) -> Response:
        """Read something; the answer must be as documented."""
        path = route.path.format(**parameters) + (f"?{query}" if query else "")
        status, received, text = self.send("GET", path, headers=headers)
        answer = Response(status, received, json.loads(text))
        require_documented(answer.status, answer.headers, answer.body, route.id)
        return answer


@pytest.fixture
def api(storage: Storage) -> Api:
    """Call the function without HTTP, over data of the test's own (see tests/client.py)."""
    return api_over(storage.table())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a `make run` on ports of its own, over a new table with the demo data."""
    port, database_port = free_port(), free_port()
    environment: dict[str, Any] = {
        **os.environ,
        "PORT": str(port),
        "DYNAMODB_PORT": str(database_port),
        "DYNAMODB_DATA": str(tmp_path_factory.mktemp("data")),
        "RATE_LIMIT_PER_MINUTE": str(RATE_LIMIT),
    }
    log = tmp_path_factory.mktemp("log") / "run.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "local.run"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            greeting = iter(process.stdout.readline, "")
            assert any("Ctrl-C stops" in line for line in greeting), log.read_text()
            # It says a line for each request, and would wait for a reader.
            Thread(target=process.stdout.read, daemon=True).start()
            yield Server(port, f"http://127.0.0.1:{database_port}")
        finally:
            process.terminate()
            assert process.wait(timeout=300) == 0
