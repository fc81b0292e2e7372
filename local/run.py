"""`make run`: the whole API on this machine, until Ctrl-C."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import uvicorn
from botocore.exceptions import BotoCoreError, ClientError
from support.aws.bucket import Bucket
from support.aws.client import Client
from support.dynamodb.table import Table
from support.errors import Refusal

from local import conversations, dynamodb, page, s3, seed
from local.application import Application, server_config
from local.event_sources import Delivery
from local.gateway import Gateway, Handled
from local.offline import go_offline, variables
from local.ports import PortError, free_from, listen
from local.runtime import FunctionError, Runtime
from local.services import Services
from local.sockets import Sockets
from local.streams import Checkpoints, Reader, Streams
from local.template import LOCAL, REGION, EventSource, Template, TemplateError, latest
from local.uploads import Uploads

_PORT, _DYNAMODB_PORT = 3000, 8000
#: What the bucket of files is called.
_FILES = LOCAL["Files"]
#: After how many seconds connecting to it is given up, and each read.
_BUCKET_SECONDS = 5

_EXAMPLE = {
    "visitorId": conversations.VISITOR,
    "defaultTimelineItems": [{"text": "Hello", "visitorId": conversations.VISITOR}],
}
#: What the page at /v1/docs fills in: keys by the names of the document's security schemes, parameters by theirs, and
#: those of one operation by its id.
FILLED_IN: dict[str, dict[str, Any]] = {
    "keys": {"privateKey": seed.PRIVATE_KEY, "publicKey": seed.PUBLIC_KEY},
    "parameters": {
        "conversationId": conversations.EXAMPLE,
        "visitorId": conversations.VISITOR,
        "X-Visitor-Id": conversations.VISITOR,
        "X-Actor-User-Id": conversations.TEAM_MEMBER,
    },
    "parametersOf": {
        "rateConversation": {"conversationId": conversations.RESOLVED},
        "deleteConversation": {"conversationId": conversations.DELETABLE},
        "deleteTimelineItem": {"itemId": "note"},
        "findVisitors": {"email": conversations.EMAIL},
    },
}


class SettingError(Exception):
    """A variable of the environment has a value that can't be used."""


def main() -> int:
    """Run DynamoDB Local and its table, the bucket of files, the demo data and the gateway; return the exit code."""
    go_offline()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        port = _number("PORT", _PORT, 1, 65535)
        dynamodb_port = _number("DYNAMODB_PORT", _DYNAMODB_PORT, 1, 65535)
        workers = _number("WORKERS", 2, 1, 64)
        _number("RATE_LIMIT_PER_MINUTE", 0, 0, 1_000_000)  # local/template.py takes it as it is
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    # One engine, one folder: two over the same data wait for each other for minutes.
    data = dynamodb.data_folder(dynamodb_port)
    try:
        with listen(port) as server_socket:
            print("Starting DynamoDB Local ...", flush=True)
            # Who has its port has the folder, too.
            dynamodb.check(dynamodb_port, data)
            # Both at once: each takes seconds.
            with s3.running(data / "files") as files, dynamodb.running(dynamodb_port, data) as engine:
                (data / s3.NOTED).write_text(files.endpoint)
                template = latest()
                make_tables(engine.endpoint, template)
                os.environ.update(variables(engine.endpoint) | {"AWS_ENDPOINT_URL_S3": files.endpoint})
                seed.seed(Table(template.table_name(), timeout_seconds=10))
                checkpoints = Checkpoints(data / "streams.json")
                asyncio.run(_serve(server_socket, engine, files, template, workers, checkpoints))
    except KeyboardInterrupt:
        pass
    except PortError as error:
        print(f"{error} On ports that are free: {_on_free_ports(port, dynamodb_port)}", file=sys.stderr)
        return 1
    except (dynamodb.DynamoDBLocalError, s3.S3Error, TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError, Refusal) as error:
        print(f"DynamoDB Local does not answer as it should: {error}", file=sys.stderr)
        return 1
    return 0


def make_tables(endpoint: str, template: Template) -> None:
    """Make the tables of the template that are not there, and say so if the data of an earlier form were lost."""
    made_anew = [
        name for name, definition in template.tables().items() if dynamodb.create_table(endpoint, name, definition)
    ]
    if template.table_name() in made_anew:
        print("The local table had an earlier form. It was made anew, with the demo data alone.", flush=True)


def _number(name: str, default: int, least: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingError(f"{name}={text} can't be used: it takes a number from {least} to {most}, {default} without.")
    return int(text)


def _on_free_ports(port: int, dynamodb_port: int) -> str:
    """Return the command that runs an instance on the ports that were asked for, or the next ones that are free."""
    # Those below 1024 are root's on most machines.
    port = free_from(port if port >= 1024 else _PORT)
    dynamodb_port = free_from(dynamodb_port if dynamodb_port >= 1024 else _DYNAMODB_PORT, host="", taken=port)
    settings = (("PORT", port, _PORT), ("DYNAMODB_PORT", dynamodb_port, _DYNAMODB_PORT))
    return " ".join(["make run", *(f"{name}={value}" for name, value, default in settings if value != default)])


async def _serve(
    server_socket: socket.socket,
    engine: dynamodb.Engine,
    files: s3.Engine,
    template: Template,
    workers: int,
    checkpoints: Checkpoints,
) -> None:
    port = server_socket.getsockname()[1]
    runtime = Runtime(workers, engine.endpoint, _show_log, _variables(port, files.endpoint, template))
    handled = partial(_show_request, port)
    services = Services(latest, runtime.invoke, _show_with_logs, _show)
    application = Application(
        Gateway(latest, runtime.invoke, handled, partial(page.serve, bucket=files.endpoint)),
        Sockets(latest, runtime.invoke, handled),
        services,
    )
    server = _Server(server_config(application))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    failures = [asyncio.create_task(engine.failed()), asyncio.create_task(files.failed())]
    for failure in failures:
        failure.add_done_callback(lambda _: server.abort())
    live: list[asyncio.Task[None]] = []
    # What is live, or of files, may take a moment longer than what the greeting tells of.
    sockets = template.sockets()
    later = {route.function for route in sockets.routes.values()} if sockets else set()
    later |= set(template.queue_readers().values())
    try:
        bucket = asyncio.create_task(asyncio.to_thread(files.make_bucket, _FILES, template.bucket_cors("Files")))
        await _warm({route.function for route in template.routes()} - later, template, runtime)
        await bucket
        live.append(asyncio.create_task(_warm(later, template, runtime), name="The start of the sockets"))
        uploads = Uploads(Bucket(_FILES, REGION, Client(_BUCKET_SECONDS)), partial(services.queue, "FilesQueue"))
        live.append(asyncio.create_task(uploads.run(), name="The look at what is uploaded"))
        for source in template.event_sources():
            reading = _reader(source, runtime, engine.endpoint, checkpoints).run()
            live.append(asyncio.create_task(reading, name=source.name))
        for task in live:
            task.add_done_callback(_show_end)
        greet(port, engine.endpoint, files.endpoint)
        await server.serve(sockets=[server_socket])
    finally:
        for task in live:
            task.cancel()
        await asyncio.gather(*live, return_exceptions=True)
        await runtime.stop()
    for failure in failures:
        if failure.done():
            raise failure.result()


def _variables(port: int, files: str, template: Template) -> dict[str, str]:
    """Return what functions find in their environment on this machine alone."""
    url = f"http://127.0.0.1:{port}"
    sockets = template.sockets()
    return {
        "DOCS_FILLED_IN": json.dumps(FILLED_IN),
        **{f"AWS_ENDPOINT_URL_{service}": url for service in ("EVENTBRIDGE", "LAMBDA", "SQS")},
        # A queue is named as in the template.
        "UNPUBLISHED_QUEUE_URL": f"{url}/000000000000/UnpublishedQueue",
        "ERASURE_QUEUE_URL": f"{url}/000000000000/ErasureQueue",
        "FILES_QUEUE_URL": f"{url}/000000000000/FilesQueue",
        "AWS_ENDPOINT_URL_S3": files,
        "PUBLIC_URL": url,
        **({"CONNECTIONS_URL": f"{url}/{sockets.stage}"} if sockets else {}),
    }


async def _warm(names: set[str], template: Template, runtime: Runtime) -> None:
    for name in sorted(names):
        try:
            function = template.function(name)
            await runtime.warm(function)
            if name == "ConversationsFunction":
                await conversations.open_conversations(partial(runtime.invoke, function))
        except FunctionError as error:
            print(f"{error}; it will fail until the code is mended, which needs no restart", file=sys.stderr)


def _reader(source: EventSource, runtime: Runtime, endpoint: str, checkpoints: Checkpoints) -> Reader:
    """Read a mapping's stream for its function, as the template says at the start."""

    def invoke(event: dict[str, Any]) -> Awaitable[Any]:
        return runtime.invoke(latest().function(source.function), event)

    return Reader(source, Streams(endpoint), Delivery(source, invoke, _show), checkpoints)


def _show_end(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _show(f"{task.get_name()} has failed: {type(error).__name__}: {error}")


class _Server(uvicorn.Server):
    """Uvicorn, without its way of raising the signal again once it has stopped: there is more to stop then."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Let the requests under way finish; the second time, don't."""
        self.force_exit = self.should_exit
        self.should_exit = True

    def abort(self) -> None:
        """Let no request finish: without its table none can."""
        self.force_exit = self.should_exit = True


def greet(port: int, endpoint: str, files: str) -> None:
    """Print where everything is, and a request to begin with."""
    url = f"http://127.0.0.1:{port}/v1/conversations"
    print(
        f"\n  a page       http://localhost:{port}/ : a visitor and the company's inbox\n"
        f"  the API      {url}\n"
        f"  live         ws://localhost:{port}/ws\n"
        f"  private key  {seed.PRIVATE_KEY}\n"
        f"  public key   {seed.PUBLIC_KEY}, from {seed.ORIGIN}\n"
        f"  DynamoDB     {endpoint}\n"
        f"  files        {files}\n\n"
        f"curl {url} \\\n"
        f"  -H 'Authorization: Bearer {seed.PRIVATE_KEY}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps(_EXAMPLE)}'\n\n"
        "Code and template.yaml are read again when they change. Ctrl-C stops.\n",
        flush=True,
    )


def _show_request(port: int, handled: Handled) -> None:
    if handled.method != "POST" and handled.response.status < 300 and page.is_its_own(handled.referer, port):
        return  # it asks for news every few seconds
    # Who knows a visitor's id is that visitor, and who knows a file's reads it.
    path = re.sub(r"(?<=/visitors/)\w{26}", "{visitorId}", handled.path)
    path = re.sub(r"(?<=/v1/files/).*", "{file}", path).encode("unicode_escape").decode()
    line = f"{datetime.now():%H:%M:%S} {handled.method} {path} {handled.response.status}"  # noqa: DTZ005 (for a person)
    if handled.response.status >= 400 and (body := _object(handled.response.body)):
        line += f" {body.get('code', body.get('message', ''))}"
    line += f" {handled.seconds * 1000:.0f} ms {handled.request_id}"
    if handled.response.cause is not None:
        line += f"\n         {handled.response.cause}"
    print(line, flush=True)


def _show(line: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)  # noqa: DTZ005 (for a person)


def _show_with_logs(line: str) -> None:
    if os.environ.get("LOGS") == "1":
        _show(line)


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
