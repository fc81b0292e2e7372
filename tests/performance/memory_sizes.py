"""What a function's memory size makes of the measured CPU: latency and cost, from build/bench.json.

Lambda gives CPU in proportion to memory, one core at 1,769 MB (Lambda Developer Guide, "Configure Lambda function
memory"); one request uses no more than one. A core of this machine is taken for one of Lambda's.
"""

import json
from math import ceil

from tests.performance.bench import RESULT
from tests.performance.implementations import OURS

CORE_MB = 1769
SIZES_MB = (128, 256, 512, 768, 1024, 1280, 1536, 1769)

#: A transaction's time that is waiting, not CPU, in milliseconds: what DynamoDB takes in one region.
WAITING_MS = 8.0

#: us-east-1, arm64, in dollars: a GB-second, and a million requests.
GB_SECOND, MILLION_REQUESTS = 0.0000133334, 0.20


def latency_ms(cpu_ms: float, memory_mb: int, waiting_ms: float = WAITING_MS) -> float:
    """Return how long a request takes that needs so much CPU."""
    return cpu_ms / min(1, memory_mb / CORE_MB) + waiting_ms


def million_dollars(milliseconds: float, memory_mb: int) -> float:
    """Return what a million requests of that length cost; each is billed in whole milliseconds."""
    return ceil(milliseconds) * 1e6 / 1000 * memory_mb / 1024 * GB_SECOND + MILLION_REQUESTS


def main() -> None:
    """Print the table."""
    result = json.loads(RESULT.read_text())
    warm, cold = result["warm_cpu_ms"][OURS.name], result["cold_cpu_ms"][OURS.name]
    peak = result["peak_after_99_mb"][OURS.name]
    print(f"Ours needs {peak:.0f} MB. A request waits {WAITING_MS:.0f} ms for DynamoDB; prices of us-east-1, arm64.\n")
    print(f"{'MB':>6}{'CPU':>7}{'1 item':>11}{'10 items':>11}{'99 items':>11}{'cold':>10}{'$ a million, 1 item':>22}")
    for memory in SIZES_MB:
        latencies = [latency_ms(warm[items], memory) for items in ("warm 1", "warm 10", "warm 99")]
        first = latency_ms(cold, memory, 2 * WAITING_MS)
        print(
            f"{memory:6}{memory / CORE_MB:7.0%}"
            + "".join(f"{milliseconds:8.1f} ms" for milliseconds in latencies)
            + f"{first:7.0f} ms{million_dollars(latencies[0], memory):22.2f}"
        )


if __name__ == "__main__":
    main()
