"""What so many creations a second need, where the first limit is, and how the keys spread over partitions.

Limits are the defaults (Service Quotas of DynamoDB, Lambda and API Gateway). A new account begins with less of Lambda,
which AWS raises as it is used, and some regions with less of API Gateway: look at your own.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from math import ceil

from support.values.conversation import conversation_pk

from local.costs import creation, write_units

RATES = (100, 1_000, 10_000)

#: What a creation is taken to be: its items of up to 1 KB each beside the conversation, and the time it takes.
ITEMS, SECONDS = 2, 0.015

_UNITS = write_units(creation(ITEMS))
#: Those of the table, and of the index that shares its partitions. A global index has its own, and the same limits.
WRITE_UNITS = _UNITS["table"] + _UNITS["timeline"]
INBOX_UNITS = _UNITS["inbox"]

PARTITION_UNITS = 1_000
#: A new on-demand table's; it doubles at once past its previous peak, and again within half an hour.
NEW_TABLE_UNITS = 4_000
TABLE_UNITS = 40_000
CONCURRENCY = 1_000
#: What many new accounts begin with.
NEW_ACCOUNT_CONCURRENCY = 10
#: Requests a second for each unit of concurrency, of the account's or of what is reserved, however short they are.
REQUESTS_PER_CONCURRENCY = 10
#: New environments in ten seconds, of one function.
SCALING = 1_000
GATEWAY_RATE = 10_000
#: In the regions that API Gateway's quotas name: Cape Town, Milan, Jakarta, the Emirates, Hyderabad, Melbourne, Spain,
#: Zurich, Tel Aviv, Calgary, Malaysia, Thailand, Mexico.
LOWER_GATEWAY_RATE = 2_500

#: The simulated tenants: how many, and how uneven (Zipf: the n-th has 1/n of the first one's calls).
TENANTS, DRAWS = 1_000, 100_000


def needs(rate: int) -> list[tuple[str, float, float, str]]:
    """Return what a rate needs: of what, how much, the default limit, and what to do about it."""
    units = rate * WRITE_UNITS
    concurrency = max(ceil(rate * SECONDS), ceil(rate / REQUESTS_PER_CONCURRENCY))
    return [
        ("gateway requests a second", rate, GATEWAY_RATE, "raise the account's quota and the stage's throttle"),
        ("gateway requests, regions with less", rate, LOWER_GATEWAY_RATE, "raise the account's quota"),
        ("function concurrency (by time or 10 requests)", concurrency, CONCURRENCY, "raise the account's quota"),
        (
            "function concurrency, new account",
            concurrency,
            NEW_ACCOUNT_CONCURRENCY,
            "ask for the default quota, before the launch",
        ),
        ("new environments if all calls come at once", ceil(rate * SECONDS), SCALING, "provision concurrency"),
        ("write units a second, new table", units, NEW_TABLE_UNITS, "warm throughput, before the launch"),
        ("write units a second, table quota", units, TABLE_UNITS, "raise the table's quota"),
        (
            "inbox units a second, if all of one website",
            rate * INBOX_UNITS,
            PARTITION_UNITS,
            "shard the website's inbox",
        ),
        ("partitions by writes", ceil(units / PARTITION_UNITS), TABLE_UNITS / PARTITION_UNITS, "follow the units"),
    ]


def hottest_share(partitions: int, key: Callable[[int, int], str]) -> float:
    """Return the busiest partition's share of writes, over the even one; `key` is of a tenant and a call."""
    generator = random.Random(0)
    weights = [1 / (rank + 1) for rank in range(TENANTS)]
    tenants = generator.choices(range(TENANTS), weights, k=DRAWS)
    calls = Counter(_partition(key(tenant, call), partitions) for call, tenant in enumerate(tenants))
    return max(calls.values()) / DRAWS * partitions


def _partition(key: str, partitions: int) -> int:
    """DynamoDB hashes the partition key; any good hash spreads alike."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % partitions


def _ours(tenant: int, call: int) -> str:
    return conversation_pk(f"website-{tenant}", "live", f"CO{call:016}")


def _by_tenant(tenant: int, _call: int) -> str:
    return f"WEBSITE#website-{tenant}"


def main() -> None:
    """Print both tables."""
    print(f"A creation: {ITEMS} items, {SECONDS * 1000:.0f} ms, {WRITE_UNITS} write units.")
    for rate in RATES:
        print(f"\n{rate:,} creations a second")
        for what, need, limit, remedy in needs(rate):
            print(f"  {what:46}{need:>9,.0f} of {limit:>7,.0f}" + (f"   past it: {remedy}" if need > limit else ""))
    first = {what: limit / (need / RATES[0]) for what, need, limit, _ in needs(RATES[0])}
    for what, reached in sorted(first.items(), key=lambda row: row[1])[:5]:
        print(f"\nLimit at {reached:,.0f} creations a second: {what}", end="")
    print(f"\n\nBusiest partition over the even one; {TENANTS:,} websites, the n-th with 1/n of the first one's calls:")
    print(f"  {'partitions':12}{'a key for each conversation':>30}{'a key for each website':>26}")
    for rate in RATES:
        partitions = max(ceil(rate * WRITE_UNITS / PARTITION_UNITS), NEW_TABLE_UNITS // PARTITION_UNITS)
        print(
            f"  {partitions:<12}{hottest_share(partitions, _ours):>30.2f}{hottest_share(partitions, _by_tenant):>26.2f}"
        )


if __name__ == "__main__":
    main()
