"""A closed loop of clients on a running `make run`: each sends its next creation when it has the last one's answer."""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

import matplotlib as mpl
from tqdm import tqdm

from local import ROOT

PLOT = ROOT / "build" / "load.png"

#: When a request was sent, in seconds after the start; how many milliseconds it took; its status.
Sample = tuple[float, float, int]


def call(port: int, started: float, stop: threading.Event) -> list[Sample]:
    """Send one request after another until told to stop."""
    event = json.loads((ROOT / "events" / "private-key.json").read_text())
    headers = {name: event["headers"][name] for name in ("authorization", "content-type")}
    body = json.dumps({**json.loads(event["body"]), "defaultTimelineItems": [{"text": "Where is my order?"}]})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    samples = []
    while not stop.is_set():
        sent = time.perf_counter()
        connection.request("POST", "/v1/conversations", body, headers)
        response = connection.getresponse()
        response.read()
        samples.append((sent - started, (time.perf_counter() - sent) * 1000, response.status))
    return samples


def plot(samples: list[Sample], title: str) -> None:
    """Draw latency over time, and how it is distributed, as a picture."""
    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator

    figure, (over_time, distribution) = pyplot.subplots(1, 2, figsize=(12, 5), width_ratios=[2, 1], sharey=True)
    over_time.scatter([at for at, _, _ in samples], [took for _, took, _ in samples], s=3, alpha=0.4)
    over_time.set(title=title, xlabel="seconds", ylabel="milliseconds to the answer", yscale="log")
    over_time.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    over_time.yaxis.set_major_formatter("{x:g}")
    over_time.yaxis.set_minor_locator(NullLocator())
    distribution.hist([took for _, took, _ in samples], bins=100, orientation="horizontal")
    distribution.set(xlabel="requests")
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120)


def _number(name: str, text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        sys.exit(f"{name}={text} can't be used: it takes a number from 1 to {most}.")
    return int(text)


def main() -> None:
    """Call, print and plot; exits with an error if an answer was not a 200."""
    port, clients, seconds = (
        _number(name, text, most)
        for name, text, most in zip(("PORT", "CLIENTS", "SECONDS"), sys.argv[1:], (65535, 64, 600), strict=True)
    )
    try:
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
    except OSError:
        sys.exit(f"Nothing listens on port {port}. Start it first: make run PORT={port}")
    stop, started = threading.Event(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        loops = [pool.submit(call, port, started, stop) for _ in range(clients)]
        try:
            for _ in tqdm(range(seconds), unit="s"):
                stop.wait(1)
        finally:
            stop.set()
    samples = [sample for loop in loops for sample in loop.result()]
    cuts = quantiles([took for _, took, _ in samples], n=100)
    statuses = dict(Counter(status for _, _, status in samples))
    summary = (
        f"{len(samples) / seconds:.0f} requests/s by {clients} clients, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"
    )
    print(f"{summary}, statuses {statuses}")
    plot(samples, summary)
    print(f"Plot: {PLOT.relative_to(ROOT)}")
    if set(statuses) != {200}:
        sys.exit(1)


if __name__ == "__main__":
    main()
