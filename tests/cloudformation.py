"""A stand-in for CloudFormation, which tells over HTTP what a stack is deployed with, and for Lambda's aliases."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape


@dataclass
class CloudFormation:
    """What it says of any stack: its parameters, status, resources and protection, or an error's code and message.

    `resources` are the type and the physical id of each, by logical id; `alias` is the version at which each alias is.
    `asked` are the stack and the region of each question about the stack.
    """

    parameters: dict[str, str] = field(default_factory=dict)
    status: str = "UPDATE_COMPLETE"
    error: tuple[str, str] | None = None
    resources: dict[str, tuple[str, str]] = field(default_factory=dict)
    alias: str = "1"
    policy: str | None = None
    is_protected: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def has_no_stack(self) -> None:
        """Answer from now on as where nothing is deployed."""
        self.error = ("ValidationError", "Stack with id conversations does not exist")

    def response(self, query: str, authorization: str) -> tuple[int, str]:
        """Return the status and the body of the answer to an action of CloudFormation."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if self.error:
            code, message = self.error
            return 400, f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        action = asked["Action"]
        body = ""
        match action:
            case "DescribeStacks":
                self.asked.append((asked["StackName"], authorization.split("/")[2]))
                body = f"<Stacks><member>{self._stack(asked['StackName'])}</member></Stacks>"
            case "ListStackResources":
                body = f"<StackResourceSummaries>{self._resources()}</StackResourceSummaries>"
            case "GetStackPolicy":
                body = "" if self.policy is None else f"<StackPolicyBody>{escape(self.policy)}</StackPolicyBody>"
            case "SetStackPolicy":
                self.policy = asked["StackPolicyBody"]
            case "UpdateTerminationProtection":
                self.is_protected = asked["EnableTerminationProtection"] == "true"
        return 200, f"<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"

    def _resources(self) -> str:
        return "".join(
            f"<member><LogicalResourceId>{name}</LogicalResourceId><ResourceType>{type_}</ResourceType>"
            f"<PhysicalResourceId>{id_}</PhysicalResourceId></member>"
            for name, (type_, id_) in self.resources.items()
        )

    def _stack(self, name: str) -> str:
        members = "".join(
            f"<member><ParameterKey>{key}</ParameterKey><ParameterValue>{escape(value)}</ParameterValue></member>"
            for key, value in self.parameters.items()
        )
        return (
            f"<StackName>{name}</StackName><CreationTime>2026-01-31T12:00:00Z</CreationTime>"
            f"<StackStatus>{self.status}</StackStatus><Parameters>{members}</Parameters>"
            f"<EnableTerminationProtection>{str(self.is_protected).lower()}</EnableTerminationProtection>"
        )


@contextmanager
def serving(stand_in: CloudFormation) -> Iterator[str]:
    """Serve a stand-in while the context lasts, and give its endpoint URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*stand_in.response(query, self.headers["Authorization"]))

        def do_GET(self) -> None:
            """Answer GetAlias, Lambda's only one that is asked."""
            self._send(200, json.dumps({"FunctionVersion": stand_in.alias}))

        def _send(self, status: int, body: str) -> None:
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
