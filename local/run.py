"""`make run`: the whole API on this machine, until Ctrl-C."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from conversations.table import Table

from local import ROOT, dynamodb, seed
from local.gateway import Gateway, Handled
from local.offline import go_offline, variables
from local.ports import PortTakenError, listen
from local.runtime import FunctionError, Runtime
from local.template import Template, TemplateError, latest


def main() -> int:
    """Run DynamoDB Local, its table, the demo data and the gateway; return the exit code."""
    port = int(os.environ.get("PORT", "3000"))
    dynamodb_port = int(os.environ.get("DYNAMODB_PORT", "8000"))
    data = Path(os.environ.get("DYNAMODB_DATA", ROOT / ".local" / "data"))
    go_offline()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with listen(port) as server_socket:
            print("Starting DynamoDB Local ...", flush=True)
            with dynamodb.running(dynamodb_port, data) as endpoint:
                template = latest()
                dynamodb.create_table(endpoint, template.table_name(), template.table())
                os.environ.update(variables(endpoint))
                seed.seed(Table(template.table_name(), timeout_seconds=10))
                asyncio.run(_serve(server_socket, endpoint, template))
    except KeyboardInterrupt:
        pass
    except (PortTakenError, dynamodb.DynamoDBLocalError, TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _serve(server_socket: socket.socket, endpoint: str, template: Template) -> None:
    runtime = Runtime(int(os.environ.get("WORKERS", "2")), endpoint, _show_log)
    config = uvicorn.Config(
        Gateway(latest, runtime.invoke, _show_request),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    try:
        for name in {route.function for route in template.routes()}:
            try:
                await runtime.warm(template.function(name))
                if name == "ConversationsFunction":
                    await runtime.invoke(template.function(name), json.loads(seed.SAMPLE.read_text()))
            except FunctionError as error:
                print(f"{error}; requests will fail until the code is mended, which needs no restart", file=sys.stderr)
        _greet(server_socket.getsockname()[1], endpoint)
        await server.serve(sockets=[server_socket])
    finally:
        await runtime.stop()


class _Server(uvicorn.Server):
    """Uvicorn, without its way of raising the signal again once it has stopped: there is more to stop then."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Let the requests under way finish; the second time, don't."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _greet(port: int, endpoint: str) -> None:
    url = f"http://127.0.0.1:{port}/v1/conversations"
    print(
        f"\n  POST {url}\n\n"
        f"  private key  {seed.PRIVATE_KEY}\n"
        f"  public key   {seed.PUBLIC_KEY}, from {seed.ORIGIN}\n"
        f"  DynamoDB     {endpoint}\n\n"
        f"curl {url} \\\n"
        f"  -H 'Authorization: Bearer {seed.PRIVATE_KEY}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        '  -d \'{"visitorId": "01JDEM0V1S1T0R000000000000", "defaultTimelineItems": [{"text": "Hello"}]}\'\n\n'
        "Code and template.yaml are read again when they change. Ctrl-C stops.\n",
        flush=True,
    )


def _show_request(handled: Handled) -> None:
    path = handled.path.encode("unicode_escape").decode()
    line = f"{datetime.now():%H:%M:%S} {handled.method} {path} {handled.answer.status}"  # noqa: DTZ005 (for a person)
    if handled.answer.status >= 400 and (body := _object(handled.answer.body)):
        line += f" {body.get('code', body.get('message', ''))}"
    line += f" {handled.seconds * 1000:.0f} ms {handled.request_id}"
    if handled.answer.cause is not None:
        line += f"\n         {handled.answer.cause}"
    print(line, flush=True)


def _show_log(line: str) -> None:
    """Show what a function logs: all of it with LOGS=1, otherwise errors and what is no log line, a traceback say."""
    if os.environ.get("LOGS") == "1":
        print(line, file=sys.stderr, flush=True)
        return
    entry = _object(line)
    if entry is None:
        print(f"         {line}", file=sys.stderr, flush=True)
    elif entry.get("level") in {"ERROR", "CRITICAL"}:
        text = f"{entry.get('message', '')}\n{entry.get('exception', '')}".strip().replace("\n", "\n         ")
        print(f"         {text}", file=sys.stderr, flush=True)


def _object(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


if __name__ == "__main__":
    sys.exit(main())
