"""Counts instructions, which repeat where times don't: `instructions.py compare | check | record`.

What a request costs is the difference between two forks of an initialised process that differ in its repetitions alone.
Counts depend on the interpreter's build: `check` says so, and passes, where it differs from the recorded one.
"""

import json
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.performance.implementations import (
    ALL,
    FEED,
    GET,
    INBOX,
    LIST,
    MESSAGE,
    OURS,
    PAGE,
    Implementation,
    inside,
    prepare,
)
from tests.performance.report import INSTRUCTIONS
from tests.performance.routes import EVENTS_OF
from tests.performance.stub import BATCH, feed_event, serving

RECORDED = Path(__file__).with_name("instructions.json")

#: How much a count may grow, and how often a measured request is repeated when it is warm.
_TOLERANCE, _TIMES = 0.05, 10
#: What a record of the feed is to take, by what opening a conversation of one item takes.
_SHARE_OF_OPENING = 0.1
_COMPARED = ("warm 1", "warm 99", PAGE, MESSAGE, LIST, GET, INBOX)
#: The other requests of `_COMPARED` are counted as routes.
_CHECKED = ("warm 1", "warm 10", "warm 99")
_FEED_BATCH, _FEED_RECORD = "feed", "feed, a record"

_CACHEGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")

Counts = dict[str, float]


def interpreter() -> str:
    """Return what the counts depend on: the interpreter and how it was built."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    optimised = [flag for flag in ("--enable-optimizations", "--with-lto") if flag in arguments]
    parts = (platform.python_version(), platform.python_compiler(), platform.machine(), *optimised)
    return ", ".join(parts)


def count(implementation: Implementation, endpoint: str, requests: Sequence[str]) -> Counts:
    """Return millions of instructions.

    `cold` is from a process's start to its first answer, `restored` the first request after a snapshot; those of
    `requests` are warm.
    """
    forked, restored = _counted(implementation, endpoint, requests)
    return _millions(_named(forked, restored, requests))


def count_ours(endpoint: str) -> Counts:
    """Return millions of instructions of all that is ours.

    Each route is counted from a process's start to its first answer, and warm, and the feed by the record.
    """
    forked, restored = _counted(OURS, endpoint, [*_CHECKED, *EVENTS_OF])
    [(_, batch)] = _forked(FEED, endpoint, [_FEED_BATCH]).values()
    counts = _named(forked, restored, _CHECKED) | {_FEED_RECORD: batch / BATCH}
    for route in EVENTS_OF:
        counts[f"{route}, cold"], counts[f"{route}, warm"] = forked[route]
    return _millions(counts)


def _named(forked: dict[str, tuple[float, float]], restored: float, requests: Sequence[str]) -> Counts:
    warm = {request: forked[request][1] for request in requests}
    return {"cold": forked["warm 1"][0], "restored": restored, **warm}


def _counted(
    implementation: Implementation, endpoint: str, requests: Sequence[str]
) -> tuple[dict[str, tuple[float, float]], float]:
    """Return the instructions of each request, as `_forked` does, and those of the first one after a snapshot."""
    with ThreadPoolExecutor(2) as pool:  # one for each core of a small machine
        halves = pool.map(lambda part: _forked(implementation, endpoint, part), (requests[::2], requests[1::2]))
        frozen, awake = pool.map(
            lambda times: _run(implementation, endpoint, "restored", [f"warm 1x{times}"])[0], (0, 1)
        )
    return {request: counts for half in halves for request, counts in half.items()}, awake - frozen


def _millions(counts: Counts) -> Counts:
    return {name: round(value / 1e6, 3) for name, value in counts.items()}


def _forked(implementation: Implementation, endpoint: str, requests: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the instructions of each request as the first of a process, its start included, and warm."""
    *forks, _ = _run(implementation, endpoint, "forks", [f"{request}x{_TIMES}" for request in requests])
    by_request = zip(requests, forks[::3], forks[1::3], forks[2::3], strict=True)
    # The innermost fork ends first.
    return {request: (first, (all_ - warm_up) / _TIMES) for request, all_, warm_up, first in by_request}


def _run(implementation: Implementation, endpoint: str, mode: str, plan: list[str]) -> list[int]:
    """Return the instructions of the forks of a process, in order, and its own."""
    ended = subprocess.run(
        [*_CACHEGRIND, *inside(implementation, mode, *plan)],
        cwd=implementation.task,
        env=implementation.environment(endpoint),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,  # what it says is shown
        text=True,
    )
    found = [int(count.replace(",", "")) for count in re.findall(r"I\s+refs:\s+([\d,]+)", ended.stderr)]
    if ended.returncode or not found:
        raise RuntimeError(f"{implementation.name} under valgrind:\n{ended.stderr}")
    return found


def compare(endpoint: str) -> None:
    """Print the counts of all implementations, and keep them."""
    counts = {one.name: count(one, endpoint, _COMPARED) for one in ALL}
    INSTRUCTIONS.write_text(json.dumps(counts, indent=1))
    print(f"{'millions of instructions':26}" + "".join(f"{name:>12}" for name in counts) + "   ours / each other")
    for what, ours in counts[OURS.name].items():
        ratios = (ours / counts[one.name][what] for one in ALL if one is not OURS)
        figures = "".join(f"{found[what]:12.2f}" for found in counts.values())
        print(f"{what:26}{figures}   " + "".join(f"{ratio:8.3f}" for ratio in ratios))


def check(endpoint: str) -> None:
    """Exit with an error if a count of ours has grown past the tolerance."""
    recorded = json.loads(RECORDED.read_text())
    if recorded["interpreter"] != interpreter():
        print(f"bench-check: not checked, {RECORDED.name} is of {recorded['interpreter']}, this is {interpreter()}.")
        return
    counts = count_ours(endpoint)
    failures = []
    for what, now in counts.items():
        before = recorded["millions"].get(what)
        if before is None:
            failures.append(f"{what} is not recorded yet: make bench-record")
            continue
        if now > before * (1 + _TOLERANCE):
            failures.append(f"{what} is more than {_TOLERANCE:.0%} slower. If that is worth it: make bench-record")
        print(
            f"bench-check: {what:26} {now:10.3f} million instructions, {now / before - 1:+.1%} to {before:.3f} recorded"
        )
    share = counts[_FEED_RECORD] / counts["warm 1"]
    print(f"bench-check: {_FEED_RECORD}, takes {share:.0%} of an opening; {_SHARE_OF_OPENING:.0%} is aimed at.")
    if failures:
        sys.exit("\n".join(failures))


def record(endpoint: str) -> None:
    """Write what `check` compares with."""
    recorded = {"interpreter": interpreter(), "millions": count_ours(endpoint)}
    RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")
    print(RECORDED.read_text(), end="")


if __name__ == "__main__":
    prepare({**EVENTS_OF, _FEED_BATCH: feed_event()})
    with serving() as (_, url):
        {"compare": compare, "check": check, "record": record}[sys.argv[1]](url)
