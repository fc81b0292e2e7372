"""Runs functions as Lambda does: in processes of their own, one event at a time in each."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from local import ROOT
from local.offline import variables
from local.template import Function

_SHARED_LAYER = ROOT / "layers" / "shared"
#: Lambda's limits: the bytes of an event and of an answer, and the seconds that importing the handler may take.
_MAX_EVENT = _MAX_ANSWER = 6 * 1024 * 1024
_INIT_SECONDS = 10
#: The line of a process that is read at once: an answer, JSON in JSON, before it is measured.
_MAX_LINE = 64 * 1024 * 1024


class FunctionError(Exception):
    """The function gave no answer: it crashed, ran out of time or said too much."""


class EventTooLarge(FunctionError):
    """Lambda refuses the event, as JSON, with a 413 (`RequestTooLargeException`): the function never sees it."""


class Runtime:
    """A few instances of each function, started when they are needed and again when their code has changed.

    Parameters
    ----------
    instances
        How many events one function answers at a time; the next ones wait.
    endpoint
        What every AWS client of the functions talks to.
    log
        Takes each line that a function logs.
    extra
        Variables of every function's environment that no template has: they are there on this machine alone.
    """

    def __init__(
        self, instances: int, endpoint: str, log: Callable[[str], None], extra: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._instances = instances
        self._variables = {**extra, **variables(endpoint)}
        self._log = log
        self._idle: dict[str, asyncio.LifoQueue[_Instance | None]] = {}
        self._alive: set[_Instance] = set()

    async def invoke(self, function: Function, event: dict[str, Any]) -> Any:
        """Return what the function returns for an event; raises `FunctionError`, `EventTooLarge` among them."""
        if len(json.dumps(event, ensure_ascii=False).encode(errors="surrogatepass")) > _MAX_EVENT:
            raise EventTooLarge(f"{function.name} takes events of up to {_MAX_EVENT} bytes, this one's body in JSON")
        idle = self._idle_of(function)
        instance = await idle.get()
        try:
            instance = await self._current(instance, function)
            return await instance.invoke(event)
        except BaseException:
            if instance is not None:
                instance.kill()
                instance = None
            raise
        finally:
            idle.put_nowait(instance)

    async def warm(self, function: Function) -> None:
        """Start a function's instances before the first event; raises `FunctionError` if its import fails."""
        idle = self._idle_of(function)
        waiting = [idle.get_nowait() for _ in range(idle.qsize())]
        started = await asyncio.gather(*(self._current(one, function) for one in waiting), return_exceptions=True)
        for one in started:
            idle.put_nowait(one if isinstance(one, _Instance) else None)
        for one in started:
            if isinstance(one, BaseException):
                raise one

    async def stop(self) -> None:
        """End every instance."""
        for instance in self._alive:
            instance.kill()
        await asyncio.gather(*(instance.ended() for instance in set(self._alive)))

    def _idle_of(self, function: Function) -> "asyncio.LifoQueue[_Instance | None]":
        if function.name not in self._idle:
            self._idle[function.name] = asyncio.LifoQueue()
            for _ in range(self._instances):
                self._idle[function.name].put_nowait(None)
        return self._idle[function.name]

    async def _current(self, instance: "_Instance | None", function: Function) -> "_Instance":
        """Return the instance if it runs the code and settings of now, otherwise a new one in its place.

        The question is asked at each request rather than by a watcher: an edit counts from the next request on, and
        the ones under way finish with what they began.
        """
        version = _version(function)
        if instance is not None:
            if instance.version == version and instance.process.returncode is None:
                return instance
            instance.kill()
        instance = await _Instance.start(function, version, self._variables, self._log)
        self._alive.add(instance)
        instance.logging.add_done_callback(lambda _: self._alive.discard(instance))
        try:
            await instance.ready()
        except BaseException:
            instance.kill()
            raise
        return instance


class _Instance:
    """One process that has imported a handler."""

    def __init__(
        self, process: asyncio.subprocess.Process, function: Function, version: object, log: Callable[[str], None]
    ) -> None:
        self.process = process
        self.version = version
        self._function = function
        self.logging = asyncio.create_task(self._pass_on(log))

    @classmethod
    async def start(
        cls, function: Function, version: object, local: Mapping[str, str], log: Callable[[str], None]
    ) -> "_Instance":
        environment = {
            **function.environment,
            **local,
            # Nothing of the user's own environment comes in. These are Lambda's and Python's.
            "_HANDLER": function.handler,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": f"{function.code}:{_SHARED_LAYER}",
            "PYTHONUNBUFFERED": "1",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(Path(__file__).with_name("bootstrap.py"))),
            env=environment,
            cwd=function.code,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE,
            start_new_session=True,  # Ctrl-C is for the gateway, which lets requests finish
        )
        return cls(process, function, version, log)

    async def ready(self) -> None:
        await self._read(_INIT_SECONDS, "its import")

    async def invoke(self, event: dict[str, Any]) -> Any:
        invocation = {
            "event": event,
            "requestId": str(uuid.uuid4()),
            "deadline": time.time() + self._function.timeout,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(invocation).encode() + b"\n")
        response = await self._read(self._function.timeout, "an event")
        if "error" in response:
            raise FunctionError(response["error"])
        return response["response"]

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()

    async def ended(self) -> None:
        await self.process.wait()
        await self.logging

    async def _read(self, seconds: int, what: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise FunctionError(f"{self._function.name} took more than {seconds} s for {what}") from None
        except ValueError:
            line = b" " * _MAX_ANSWER  # longer than can be read at all
        if not line:
            raise FunctionError(f"{self._function.name} ended during {what}")
        if len(line) >= _MAX_ANSWER:
            raise FunctionError(f"{self._function.name} answered more than {_MAX_ANSWER} bytes")
        response: dict[str, Any] = json.loads(line)
        return response

    async def _pass_on(self, log: Callable[[str], None]) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            log(line.decode(errors="replace").rstrip("\n"))


def _version(function: Function) -> object:
    """Return what changes whenever an instance would have to start again."""
    files = []
    for root in (function.code, _SHARED_LAYER):
        for path in root.rglob("*"):
            if "__pycache__" not in path.parts:
                with suppress(FileNotFoundError):  # an editor's temporary file
                    files.append((path, path.stat().st_mtime_ns))
    return function, sorted(files)
