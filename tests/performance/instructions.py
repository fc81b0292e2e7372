"""Counts instructions, which repeat where times don't: `instructions.py compare | check | record`.

What a request costs is the difference between two runs that differ in its repetitions alone, so that the start cancels
out. Counts depend on the interpreter's build: `check` says so, and passes, where it differs from the recorded one.
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

from tests.performance.implementations import ALL, MESSAGE, OURS, PAGE, Implementation, inside, prepare
from tests.performance.stub import serving

RECORDED = Path(__file__).with_name("instructions.json")

#: How much a count may grow, and how often a measured request is repeated.
_TOLERANCE, _TIMES = 0.05, 10
_CHECKED = ("warm 1", "warm 10", "warm 99", PAGE, MESSAGE)

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
    warm_up = [f"{what}x3" for what in requests]
    runs = [("run", ["warm 1x1"]), ("restored", ["warm 1x0"]), ("restored", ["warm 1x1"]), ("run", warm_up)]
    runs += [("run", [*warm_up, f"{what}x{_TIMES}"]) for what in requests]
    with ThreadPoolExecutor(2) as pool:
        cold, frozen, awake, start, *totals = pool.map(lambda run: _run(implementation, endpoint, *run), runs)
    counts: Counts = {"cold": cold, "restored": awake - frozen}
    counts |= {what: (total - start) / _TIMES for what, total in zip(requests, totals, strict=True)}
    return {name: round(value / 1e6, 3) for name, value in counts.items()}


def _run(implementation: Implementation, endpoint: str, mode: str, plan: list[str]) -> int:
    ended = subprocess.run(
        [*_CACHEGRIND, *inside(implementation, mode, *plan)],
        cwd=implementation.task,
        env=implementation.environment(endpoint),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,  # what it says is shown
        text=True,
    )
    found = re.search(r"I\s+refs:\s+([\d,]+)", ended.stderr)
    if ended.returncode or found is None:
        raise RuntimeError(f"{implementation.name} under valgrind:\n{ended.stderr}")
    return int(found[1].replace(",", ""))


def compare(endpoint: str) -> None:
    """Print the counts of all implementations."""
    counts = {one.name: count(one, endpoint, ("warm 1", "warm 99", PAGE, MESSAGE)) for one in ALL}
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
    grown = False
    for what, now in count(OURS, endpoint, _CHECKED).items():
        before = recorded["millions"][what]
        grown |= now > before * (1 + _TOLERANCE)
        print(
            f"bench-check: {what:8} {now:10.3f} million instructions, {now / before - 1:+.1%} to {before:.3f} recorded"
        )
    if grown:
        sys.exit(f"More than {_TOLERANCE:.0%} slower. If that is worth it: make bench-record")


def record(endpoint: str) -> None:
    """Write what `check` compares with."""
    recorded = {"interpreter": interpreter(), "millions": count(OURS, endpoint, _CHECKED)}
    RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")
    print(RECORDED.read_text(), end="")


if __name__ == "__main__":
    prepare()
    with serving() as (_, url):
        {"compare": compare, "check": check, "record": record}[sys.argv[1]](url)
