"""Prints what a route's time goes to, cold and warm: `make profile ROUTE=sendMessage`.

Profiling lengthens what calls much: rows say where to look, not how long it takes.
"""

import json
import sys
from typing import Any

from tests.performance.implementations import OURS, inside, prepare, started
from tests.performance.routes import EVENTS_OF
from tests.performance.stub import serving

_TIMES = 200


def main(route: str = "") -> None:
    """Print the functions that cost most, of a process's start to its first answer, and of a later request."""
    if route not in EVENTS_OF:
        sys.exit(f"Which route? ROUTE is one of {', '.join(EVENTS_OF)}.")
    prepare(EVENTS_OF)
    with serving() as (_, endpoint):
        for title, mode, times in (("cold", "started", 1), ("warm", "functions", _TIMES)):
            print(f"\n{f'{route}, {title}':58}{'calls':>10}{'own, us':>12}{'whole, us':>12}")
            for name, calls, own, whole in _profile(endpoint, mode, f"{route}x{times}"):
                print(f"{name[-56:]:58}{calls:10.1f}{own:12.1f}{whole:12.1f}")


def _profile(endpoint: str, mode: str, step: str) -> Any:
    with started(OURS, endpoint, inside(OURS, mode, step)) as process:
        output, _ = process.communicate()
    if process.returncode:
        sys.exit("The route did not succeed.")
    [line] = [line for line in output.splitlines() if line.startswith("result ")]
    [rows] = json.loads(line.removeprefix("result ")).values()
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
