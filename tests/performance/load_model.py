"""What so many creations a second need, where the first limit is, and how the keys spread over partitions.

Limits are the defaults of a new account (Service Quotas of DynamoDB, Lambda and API Gateway).
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from math import ceil

from support.conversations import conversation_pk

RATES = (100, 1_000, 10_000)

#: What a creation is taken to be: its items of up to 1 KB each beside the conversation, and the time it takes.
ITEMS, SECONDS = 2, 0.015

#: A transactional write takes two units for each KB (Developer Guide, "DynamoDB throughput capacity").
WRITE_UNITS = 2 * (1 + ITEMS)

PARTITION_UNITS = 1_000
#: A new on-demand table's; it doubles at once past its previous peak, and again within half an hour.
NEW_TABLE_UNITS = 4_000
TABLE_UNITS = 40_000
CONCURRENCY = 1_000
#: New environments in ten seconds, of one function.
SCALING = 1_000
GATEWAY_RATE = 10_000

#: The simulated tenants: how many, and how uneven (Zipf: the n-th has 1/n of the first one's calls).
TENANTS, DRAWS = 1_000, 100_000


def needs(rate: int) -> list[tuple[str, float, float, str]]:
    """Return what a rate needs: of what, how much, the default limit, and what to do about it."""
    units = rate * WRITE_UNITS
    return [
        ("gateway requests a second", rate, GATEWAY_RATE, "raise the account's quota and the stage's throttle"),
        ("function concurrency (rate x seconds)", ceil(rate * SECONDS), CONCURRENCY, "raise the account's quota"),
        ("new environments if all calls come at once", ceil(rate * SECONDS), SCALING, "provision concurrency"),
        ("write units a second, new table", units, NEW_TABLE_UNITS, "warm throughput, before the launch"),
        ("write units a second, table quota", units, TABLE_UNITS, "raise the table's quota"),
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
    for what, reached in sorted(first.items(), key=lambda row: row[1])[:3]:
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
