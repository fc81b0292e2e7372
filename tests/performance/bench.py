"""Compares four implementations of opening, reading and listing conversations and of sending messages: `make bench`.

CPU is that of the runtime's process, read through its CPU clock. Every figure is the median over the processes.
"""

import http.client
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from local.ports import free_port
from tests.performance.implementations import (
    ALL,
    EVENTS,
    GET,
    INBOX,
    LARGE,
    LIST,
    MEASURED,
    MESSAGE,
    OURS,
    PAGE,
    Implementation,
    emulator,
    inside,
    prepare,
    started,
)
from tests.performance.report import RESULT, TARGETS, Row
from tests.performance.stub import Stub, serving

#: Requests before anything is measured, and in each measured run; the runs of all implementations take turns.
_WARM_UP, _REQUESTS, _ROUNDS = 30, 10, 4

#: What need not be the same in all transactions and answers, as it is made at random or from the time; so are the
#: values of these attributes of a new conversation, and this one of one that is changed, wherever they stand.
#: Each has cursors of its own.
_VOLATILE = frozenset({":now", "ClientRequestToken", "nextCursor"})
_VOLATILE_VALUES = ("id", "incarnation", "createdAt")
_VOLATILE_CHANGE = re.compile(r'\bupdatedAt = {"S": "(?P<updatedAt>[^"]+)"}')

#: Around a ratio that misses its target, on a terminal.
_RED, _PLAIN = ("\033[31m", "\033[0m") if sys.stdout.isatty() else ("", "")


class Runtime:
    """An implementation behind Lambda's Runtime Interface Emulator."""

    def __init__(self, port: int, emulator_pid: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._emulator_pid = emulator_pid
        self._bodies = {name: (EVENTS / f"{name}.json").read_bytes() for name in (*MEASURED, LARGE)}

    def invoke(self, name: str) -> dict[str, Any]:
        """Return the answer to a request."""
        self._connection.request("POST", "/2015-03-31/functions/function/invocations", self._bodies[name])
        response: dict[str, Any] = json.loads(self._connection.getresponse().read())
        if response.get("statusCode") != 200:
            raise RuntimeError(f"answered {json.dumps(response)[:2000]}")
        return response

    def measured(self, name: str, times: int) -> tuple[float, float]:
        """Return the milliseconds of CPU and of waiting that a request takes."""
        cpu, wall = self.cpu(), time.perf_counter()
        for _ in range(times):
            self.invoke(name)
        return (self.cpu() - cpu) * 1000 / times, (time.perf_counter() - wall) * 1000 / times

    def cpu(self) -> float:
        """Return the seconds of CPU that the process has used since its start."""
        return time.clock_gettime((~self._pid << 3) | 2)  # a process's CPU clock: clock_getcpuclockid(3)

    def peak_mb(self) -> float:
        """Return the most memory that the process has had."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    @property
    def _pid(self) -> int:
        """The runtime's process, the emulator's only child: it starts with the first request."""
        tasks = Path(f"/proc/{self._emulator_pid}/task").glob("*/children")
        [pid] = {int(pid) for children in tasks for pid in children.read_text().split()}
        return pid


@contextmanager
def emulated(implementation: Implementation, endpoint: str) -> Iterator[Runtime]:
    """Run an implementation in the emulator while the context lasts. Its process starts with the first request."""
    port = free_port()
    addresses = [f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"]  # the defaults listen on every interface
    flags = ["--runtime-interface-emulator-address", addresses[0], "--runtime-api-address", addresses[1]]
    command = [str(emulator()), "--log-level", "error", *flags, sys.executable, "-m", "awslambdaric"]
    process = subprocess.Popen(
        [*command, implementation.handler],
        cwd=implementation.task,
        env=implementation.environment(endpoint),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_listener(port)
        yield Runtime(port, process.pid)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _await_listener(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return


Samples = dict[str, dict[str, list[float]]]


def main() -> None:
    """Measure, print and keep."""
    processes = int(sys.argv[1])
    prepare()
    samples: Samples = defaultdict(lambda: defaultdict(list))
    with serving() as (stub, endpoint):
        calls = {one.name: check(one, stub, endpoint) for one in ALL}
        for _ in tqdm(range(processes), desc="processes", leave=False):
            with ExitStack() as stack:
                runtimes = {one: stack.enter_context(emulated(one, endpoint)) for one in ALL}
                _measure(runtimes, samples)
            for one in ALL:
                for step, spent in _result(one, endpoint, "cold", "warm 1x1").items():
                    samples[one.name][f"cold {step}"].append(spent)
                restored = {
                    "initialised": _result(one, endpoint, "initialised", "warm 1x20", "warm 99x20"),
                    "primed": _primed(one, stub, endpoint),
                }
                for when, found in restored.items():
                    for what, spent in found.items():
                        samples[one.name][f"restored {when}, {what}"].append(spent["first"])
                        samples[one.name][f"restored {when}, {what}, later"].append(spent["warm"])
        parts = _result(OURS, endpoint, "parts", *(f"{what}x100" for what in MEASURED))
        functions = _result(
            OURS, endpoint, "functions", "warm 1x200", "warm 99x50", f"{PAGE}x50", f"{MESSAGE}x100", f"{INBOX}x50"
        )
    result = _summary(samples) | {"calls": calls, "parts_ms": parts, "functions_us": functions}
    result["package_mb"] = {one.name: one.package_bytes() / 1e6 for one in ALL}
    result["python"] = sys.version
    RESULT.write_text(json.dumps(result, indent=1))
    _print(result)


_reference: list[dict[str, str]] = []


def check(implementation: Implementation, stub: Stub, endpoint: str) -> dict[str, int]:
    """Make sure that an implementation writes and answers what the first one does; return its calls of the database."""
    with emulated(implementation, endpoint) as runtime:
        calls = {}
        found: list[tuple[str, str]] = []
        requests = {"cold": "warm 10", "warm": "warm 10", "large": LARGE, "warm 99": "warm 99"}
        requests |= {what: what for what in (PAGE, MESSAGE, LIST, GET, INBOX)}
        for what, name in requests.items():
            stub.calls.clear()
            stub.written = b"{}"
            response = runtime.invoke(name)["body"]
            calls[what] = stub.calls.total()
            found += _flat({what: _same(stub.written.decode(), response)})
    _reference.append(dict(found))
    differences = _reference[-1].items() ^ _reference[0].items()
    if differences:
        raise RuntimeError(f"{implementation.name} does not do the same: {sorted(differences)[:6]}")
    return calls


def _same(written: str, response: str) -> dict[str, Any]:
    """Return what was written and answered, without what is of this request alone."""
    transaction = json.loads(written)
    if actions := transaction.get("TransactItems"):
        requests = [request for action in actions for request in action.values()]
        for request in requests:
            _spell_out(request)
        if "Item" in requests[0]:
            volatile = {name: requests[0]["Item"][name]["S"] for name in _VOLATILE_VALUES}
        else:
            [match] = _VOLATILE_CHANGE.finditer(requests[0]["UpdateExpression"])
            volatile = match.groupdict()
        written = json.dumps(transaction)
        for name, value in volatile.items():
            written, response = written.replace(value, f"<{name}>"), response.replace(value, f"<{name}>")
    return {"written": json.loads(written), "answered": json.loads(response)}


def _spell_out(request: dict[str, Any]) -> None:
    """Put names and values into a request's expressions, as each may have placeholders of its own for the same."""
    values = request.pop("ExpressionAttributeValues", {})
    meanings = request.pop("ExpressionAttributeNames", {})
    meanings |= {name: json.dumps(value) for name, value in values.items() if name not in _VOLATILE}
    for clause in ("ConditionExpression", "UpdateExpression"):
        if clause in request:
            request[clause] = re.sub(r"[#:]\w+", lambda found: meanings.get(found[0], found[0]), request[clause])


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value that is to be the same, by its path."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict | list):
        for name, entry in value.items() if isinstance(value, dict) else enumerate(value):
            if name not in _VOLATILE:
                yield from _flat(entry, f"{path}.{name}")
    else:
        yield path, repr(value)


def _measure(runtimes: dict[Implementation, Runtime], samples: Samples) -> None:
    for one, runtime in runtimes.items():
        started_at = time.perf_counter()
        runtime.invoke("warm 1")
        samples[one.name]["cold wall"].append((time.perf_counter() - started_at) * 1000)
        samples[one.name]["cold"].append(runtime.cpu() * 1000)
        samples[one.name]["peak"].append(runtime.peak_mb())
    for what in MEASURED:
        for runtime in runtimes.values():
            runtime.measured(what, _WARM_UP)
        for _ in range(_ROUNDS):
            for one, runtime in runtimes.items():
                cpu, wall = runtime.measured(what, _REQUESTS)
                samples[one.name][what].append(cpu)
                samples[one.name][f"wall {what}"].append(wall)
    for one, runtime in runtimes.items():
        samples[one.name]["peak after 99"].append(runtime.peak_mb())


def _result(implementation: Implementation, endpoint: str, mode: str, *sizes: str) -> Any:
    with started(implementation, endpoint, inside(implementation, mode, *sizes)) as process:
        return _last_line(process)


def _primed(implementation: Implementation, stub: Stub, endpoint: str) -> Any:
    stub.keep_alive = False
    try:
        with started(implementation, endpoint, inside(implementation, "primed", "warm 1x20", "warm 99x20")) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while process.stdout.readline() not in {"primed\n", ""}:
                pass
            stub.keep_alive = True
            process.stdin.write("\n")
            process.stdin.flush()
            return _last_line(process)
    finally:
        stub.keep_alive = True


def _last_line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("result "):
            return json.loads(line.removeprefix("result "))
    raise RuntimeError("the process ended early")


def _summary(samples: Samples) -> dict[str, Any]:
    medians = {name: {what: median(values) for what, values in whats.items()} for name, whats in samples.items()}
    spread = {
        name: {what: (max(values) - min(values)) / median(values) for what, values in whats.items() if median(values)}
        for name, whats in samples.items()
    }

    def pick(prefix: str) -> dict[str, dict[str, float]]:
        return {
            name: {what.removeprefix(prefix): value for what, value in whats.items() if what.startswith(prefix)}
            for name, whats in medians.items()
        }

    return {
        "warm_cpu_ms": {name: {what: whats[what] for what in MEASURED} for name, whats in medians.items()},
        "warm_wall_ms": pick("wall "),
        "cold_cpu_ms": {name: whats["cold"] for name, whats in medians.items()},
        "cold_wall_ms": {name: whats["cold wall"] for name, whats in medians.items()},
        "cold_steps_cpu_ms": {
            name: {what: value for what, value in whats.items() if what != "wall"}
            for name, whats in pick("cold ").items()
        },
        "peak_mb": {name: whats["peak"] for name, whats in medians.items()},
        "peak_after_99_mb": {name: whats["peak after 99"] for name, whats in medians.items()},
        "restored_cpu_ms": pick("restored "),
        "spread": spread,
    }


def _print(result: dict[str, Any]) -> None:
    names = [one.name for one in ALL]
    rows: list[tuple[str, dict[str, float], str]] = [
        *((what, {name: result["warm_cpu_ms"][name][what] for name in names}, "ms CPU") for what in MEASURED),
        ("cold", result["cold_cpu_ms"], "ms CPU"),
        ("peak", result["peak_mb"], "MB"),
        *((f"{what}, wall", {name: result["warm_wall_ms"][name][what] for name in names}, "ms") for what in MEASURED),
        ("cold, wall", result["cold_wall_ms"], "ms"),
        ("peak after 99", result["peak_after_99_mb"], "MB"),
        ("package", result["package_mb"], "MB"),
        ("calls cold", {name: calls["cold"] for name, calls in result["calls"].items()}, ""),
        ("calls warm", {name: calls["warm"] for name, calls in result["calls"].items()}, ""),
        *(
            (f"calls {what}", {name: calls[what] for name, calls in result["calls"].items()}, "")
            for what in (PAGE, MESSAGE, LIST, GET, INBOX)
        ),
        (
            "growth 1 to 99",
            {name: cpu["warm 99"] / cpu["warm 1"] for name, cpu in result["warm_cpu_ms"].items()},
            "times",
        ),
        *(
            (f"cold: {step}", {name: result["cold_steps_cpu_ms"][name].get(step, 0) for name in names}, "ms CPU")
            for step in result["cold_steps_cpu_ms"][OURS.name]
        ),
        *(
            (f"restored {what}", {name: result["restored_cpu_ms"][name].get(what, 0) for name in names}, "ms CPU")
            for what in result["restored_cpu_ms"][OURS.name]
        ),
    ]
    others = names[1:]
    print(f"{'':34}" + "".join(f"{name:>11}" for name in names) + "".join(f"{'/' + name:>13}" for name in others))
    for what, figures, unit in rows:
        ratios = ""
        row = Row(what, figures)
        for name in others:
            ratio = "-" if (found := row.ratio(name)) is None else f"{found:.2f}"
            is_missed = row.is_missed(name)
            target = f" >{TARGETS[what][name]:.2f}" if is_missed else ""
            ratios += (_RED if is_missed else "") + f"{ratio + target:>13}" + (_PLAIN if is_missed else "")
        print(
            f"{what + (f', {unit}' if unit else ''):34}" + "".join(f"{figures[name]:11.2f}" for name in names) + ratios
        )
    for what, parts in result["parts_ms"].items():
        total = sum(parts.values())
        print(f"\nWhere {total:.2f} ms go, {what}:")
        for part, spent in sorted(parts.items(), key=lambda row: -row[1]):
            print(f"  {part:28}{spent:8.3f} ms {spent / total:6.1%}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
