"""The real handler in processes of its own: as many at once as instances of a Lambda function, and as easily killed."""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

import api.app  # noqa: F401 (before the fork)

from local.template import latest
from tests.builders import Context
from tests.client import Response

Event = dict[str, Any]

# Each process is a fork of one that has imported all this, so that 50 of them start in a second.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


class Caller:
    """An instance of the function.

    Parameters
    ----------
    timeout
        The function's timeout in seconds.
    barrier
        Where it waits before each event, for the others.
    """

    def __init__(self, endpoint: str, table: str, timeout: int, barrier: Barrier | None = None) -> None:
        self._pipe, theirs = _PROCESSES.Pipe()
        environment = {
            **latest().function("ConversationsFunction").environment,
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "TABLE_NAME": table,
            "TIMEOUT_SECONDS": str(timeout),
            "RATE_LIMIT_PER_MINUTE": "0",
        }
        self._process = _PROCESSES.Process(target=_serve, args=(theirs, environment, barrier), daemon=True)
        # Python before 3.13 gives the fork server no path to import from but this.
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        try:
            self._process.start()
        finally:
            del os.environ["PYTHONPATH"]
        theirs.close()

    def wait_until_ready(self) -> None:
        """Wait for its init."""
        assert self._pipe.recv() == "ready"

    def send(self, event: Event) -> None:
        """Give it an event."""
        self._pipe.send(event)

    def response(self, seconds: float = 120) -> Response | None:
        """Return its answer, None if there is none in that time."""
        return Response.of(self._pipe.recv()) if self._pipe.poll(seconds) else None

    def kill(self) -> None:
        """End it at once, whatever it is at."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


class Callers:
    """Instances that begin their events at the same moment."""

    def __init__(self, instances: Sequence[Caller]) -> None:
        self._instances = instances

    def at_once(self, events: Sequence[Event]) -> list[Response]:
        """Return the answers to as many events as there are instances, in order."""
        for instance, event in zip(self._instances, events, strict=True):
            instance.send(event)
        responses = [instance.response() for instance in self._instances]
        assert None not in responses
        return [response for response in responses if response is not None]


@contextmanager
def calling(count: int, endpoint: str, table: str, timeout: int) -> Iterator[Callers]:
    """Run so many instances while the context lasts."""
    barrier = _PROCESSES.Barrier(count)
    instances = [Caller(endpoint, table, timeout, barrier) for _ in range(count)]
    try:
        for instance in instances:
            instance.wait_until_ready()
        yield Callers(instances)
    finally:
        for instance in instances:
            instance.kill()


def _serve(pipe: Connection, environment: dict[str, str], barrier: Barrier | None) -> None:
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # log and metrics
    os.environ.update(environment)
    handler = importlib.import_module("api.handler").handler
    remaining_ms = int(environment["TIMEOUT_SECONDS"]) * 1000
    pipe.send("ready")
    while True:
        event = pipe.recv()
        if barrier is not None:
            barrier.wait()
        pipe.send(handler(event, Context(remaining_ms)))
