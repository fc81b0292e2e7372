"""What a million creations cost, by line: `python -m local.costs` prints the table of docs/performance.md.

The prices are the list prices of us-east-1 in dollars, without free tiers: look at the present ones before you rely
on them. The loads are those of a public key, warm, with items of up to 1 KB.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

HTTP_API_REQUEST = 1.00 / 1e6
LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_SECOND_ARM = 0.0000133334
DYNAMODB_WRITE_UNIT = 0.625 / 1e6
LOGS_GB = 0.50
XRAY_TRACE = 5.00 / 1e6
PIPE_EVENT = 0.40 / 1e6
BUS_EVENT = 1.00 / 1e6
#: Stored, and backed up continuously, for a month.
TABLE_GB_MONTH = 0.25 + 0.20

CREATIONS = 1_000_000
MEMORY_GB = 1
#: Our line and its metrics, Lambda's own three lines, and the gateway's.
LOG_BYTES = 700 + 550 + 350 + 400
#: X-Ray's default rule.
TRACED = 0.05
#: A conversation or an item as it is stored, names and keys included.
STORED_BYTES = 400


@dataclass(frozen=True)
class Load:
    """Creations with so many items each, and the milliseconds that Lambda bills for one."""

    items: int
    milliseconds: int


LOADS = (Load(1, 20), Load(5, 25), Load(20, 40))


def transaction_units(sizes: Iterable[int]) -> int:
    """Return the write units of a transaction that writes items of these sizes in bytes: two for each KB begun.

    One to prepare it and one to commit it (Developer Guide, "DynamoDB read and write operations").
    """
    return 2 * sum(ceil(size / 1024) for size in sizes)


def lines(load: Load) -> dict[str, float]:
    """Return what a million of them cost in dollars, by line."""
    # The counter by address is one more write.
    units = transaction_units([STORED_BYTES] * (1 + load.items)) + 1
    return {
        "HTTP API": CREATIONS * HTTP_API_REQUEST,
        "Lambda, requests": CREATIONS * LAMBDA_REQUEST,
        "Lambda, time": CREATIONS * load.milliseconds / 1000 * MEMORY_GB * LAMBDA_GB_SECOND_ARM,
        "DynamoDB, writes": CREATIONS * units * DYNAMODB_WRITE_UNIT,
        "Logs": CREATIONS * LOG_BYTES / 1e9 * LOGS_GB,
        "Traces": CREATIONS * TRACED * XRAY_TRACE,
        "Events, if published": CREATIONS * (PIPE_EVENT + BUS_EVENT),
        "Stored for a month": CREATIONS * (1 + load.items) * STORED_BYTES / 1e9 * TABLE_GB_MONTH,
    }


if __name__ == "__main__":
    columns = [lines(load) for load in LOADS]
    print(
        "| a million creations with | "
        + " | ".join(f"{load.items} item{'s' * (load.items > 1)}" for load in LOADS)
        + " |"
    )
    print("|---|" + "---:|" * len(LOADS))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns) + " |")
    print("| **in all, $** | " + " | ".join(f"**{sum(column.values()):.2f}**" for column in columns) + " |")
