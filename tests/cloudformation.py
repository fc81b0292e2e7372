"""A stand-in for CloudFormation, which tells over HTTP what a stack is deployed with."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape


@dataclass
class CloudFormation:
    """What it says of any stack: its parameters and status, or an error's code and message.

    `asked` are the stack and the region of each question.
    """

    parameters: dict[str, str] = field(default_factory=dict)
    status: str = "UPDATE_COMPLETE"
    error: tuple[str, str] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def has_no_stack(self) -> None:
        """Answer from now on as where nothing is deployed."""
        self.error = ("ValidationError", "Stack with id conversations does not exist")

    def response(self, query: str, authorization: str) -> tuple[int, str]:
        """Return the status and the body of the answer to DescribeStacks."""
        stack = parse_qs(query)["StackName"][0]
        self.asked.append((stack, authorization.split("/")[2]))
        if self.error:
            code, message = self.error
            return 400, f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        members = "".join(
            f"<member><ParameterKey>{name}</ParameterKey><ParameterValue>{escape(value)}</ParameterValue></member>"
            for name, value in self.parameters.items()
        )
        return 200, (
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>"
            f"<StackName>{stack}</StackName><CreationTime>2026-01-31T12:00:00Z</CreationTime>"
            f"<StackStatus>{self.status}</StackStatus><Parameters>{members}</Parameters>"
            "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )


@contextmanager
def serving(stand_in: CloudFormation) -> Iterator[str]:
    """Serve a stand-in while the context lasts, and give its endpoint URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, body = stand_in.response(query, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
