"""conversations/api_key.py and key_ring.py: the form of API keys, and what is remembered of them."""

import pytest
from support.deadlines import Deadline
from support.store.api_keys import KeyRing
from support.values.api_key import ApiKey, hash_secret, key_type

from tests.builders import ORGANIZATION, ORIGIN, PRIVATE_KEY, WEBSITE, Clock, a_key
from tests.fakes import FakeTable

DEADLINE = Deadline.after(3600)
HEX = "0123456789abcdef" * 4


@pytest.fixture
def clock() -> Clock:
    return Clock()


def invented(number: int) -> str:
    return f"sk_test_{number:064x}"


# Form ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "type_"),
    [
        (f"sk_live_{HEX}", "private"),
        (f"sk_test_{HEX}", "private"),
        (f"pk_live_{HEX}", "public"),
        (f"pk_test_{HEX}", "public"),
        (f"rk_live_{HEX}", None),
        (f"sk_prod_{HEX}", None),
        (f"sk_live_{HEX[:-1]}", None),
        (f"sk_live_{HEX}0", None),
        (f"sk_live_{HEX[:-1]}g", None),
        (f"sk_live_{HEX.upper()}", None),
        (f"SK_live_{HEX}", None),
        (f"sk_live_{HEX}\n", None),
        (f" sk_live_{HEX}", None),
        ("", None),
    ],
)
def test_a_key_s_type_is_told_by_its_form(secret: str, type_: str | None) -> None:
    assert key_type(secret) == type_


def test_the_hash_is_that_of_the_whole_key() -> None:
    assert len({hash_secret(f"{prefix}_{HEX}") for prefix in ["sk_test", "sk_live", "pk_test", "pk_live"]}) == 4


def test_a_key_survives_its_stored_form() -> None:
    origins = frozenset({ORIGIN, "https://*.a.com"})
    key = ApiKey("id", WEBSITE, ORGANIZATION, "public", "live", origins, "secret", "2026", 5)

    assert ApiKey.from_item(key.to_item("0" * 64)) == key


def test_the_secret_of_generated_ids_is_not_shown_by_accident() -> None:
    assert "canary" not in repr(ApiKey.from_item(a_key(id_secret="canary")))


def test_no_key_is_stored() -> None:
    item = a_key(PRIVATE_KEY)

    assert PRIVATE_KEY.removeprefix("sk_test_") not in str(item)
    assert item["PK"] == f"APIKEY#{hash_secret(PRIVATE_KEY)}"


@pytest.mark.parametrize(
    ("revoked_at", "expires_at", "now", "usable"),
    [
        (None, None, 0, True),
        (None, 100, 99.9, True),
        (None, 100, 100, False),
        (None, 100, 101, False),
        ("2026-01-01T00:00:00.000Z", None, 0, False),
        ("2026-01-01T00:00:00.000Z", 100, 0, False),
    ],
)
def test_a_key_is_usable_until_it_is_revoked_or_expires(
    revoked_at: str | None, expires_at: int | None, now: float, usable: bool
) -> None:
    key = ApiKey.from_item(a_key(revoked_at=revoked_at, expires_at=expires_at))

    assert key.is_usable(now) == usable


# What is remembered -------------------------------------------------------------------------------------------------


def test_a_known_key_is_read_once_in_its_time(clock: Clock) -> None:
    table = FakeTable([a_key()])
    ring = KeyRing(table, cache_seconds=60, clock=clock)

    first = ring.find(PRIVATE_KEY, DEADLINE)
    clock.now += 59.9
    assert ring.find(PRIVATE_KEY, DEADLINE) == first
    assert table.usage.calls == 1

    clock.now += 0.1
    assert ring.find(PRIVATE_KEY, DEADLINE) == first
    assert table.usage.calls == 2


def test_a_key_is_found_by_its_hash_as_by_itself(clock: Clock) -> None:
    table = FakeTable([a_key(PRIVATE_KEY)])
    keys = KeyRing(table, 60, clock)

    found = keys.find_by_hash(hash_secret(PRIVATE_KEY), DEADLINE)

    assert found is not None
    assert keys.find(PRIVATE_KEY, DEADLINE) is found
    assert table.usage.calls == 1
    assert keys.find_by_hash("unknown", DEADLINE) is None


def test_a_key_in_use_is_not_trusted_for_longer(clock: Clock) -> None:
    table = FakeTable([a_key()])
    ring = KeyRing(table, cache_seconds=60, clock=clock)
    ring.find(PRIVATE_KEY, DEADLINE)
    table.items = FakeTable([a_key(revoked_at="2026-01-01T00:00:00.000Z")]).items

    for _ in range(59):
        clock.now += 1
        ring.find(PRIVATE_KEY, DEADLINE)
    clock.now += 1
    found = ring.find(PRIVATE_KEY, DEADLINE)

    assert found is not None
    assert found.revoked_at == "2026-01-01T00:00:00.000Z"


def test_a_cache_of_no_seconds_reads_every_time(clock: Clock) -> None:
    table = FakeTable([a_key()])
    ring = KeyRing(table, cache_seconds=0, clock=clock)

    for secret in [PRIVATE_KEY, PRIVATE_KEY, invented(1), invented(1)]:
        ring.find(secret, DEADLINE)

    assert table.usage.calls == 4


@pytest.mark.parametrize(("cache_seconds", "remembered"), [(60, 5), (3, 3)])
def test_an_unknown_key_is_remembered_5_seconds_at_most(clock: Clock, cache_seconds: int, remembered: float) -> None:
    table = FakeTable()
    ring = KeyRing(table, cache_seconds, clock)
    assert ring.find(PRIVATE_KEY, DEADLINE) is None
    table.items = FakeTable([a_key()]).items

    clock.now += remembered - 0.1
    assert ring.find(PRIVATE_KEY, DEADLINE) is None
    assert table.usage.calls == 1

    clock.now += 0.1
    assert ring.find(PRIVATE_KEY, DEADLINE) is not None


def test_a_flood_of_invented_keys_evicts_no_known_one(clock: Clock) -> None:
    table = FakeTable([a_key()])
    ring = KeyRing(table, cache_seconds=60, clock=clock)
    ring.find(PRIVATE_KEY, DEADLINE)
    for number in range(5000):
        ring.find(invented(number), DEADLINE)
    before = table.usage.calls

    ring.find(PRIVATE_KEY, DEADLINE)

    assert table.usage.calls == before


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    known = [invented(number) for number in range(1500)]
    table = FakeTable(a_key(secret) for secret in known)
    ring = KeyRing(table, cache_seconds=60, clock=clock)
    unknown = [invented(number) for number in range(1500, 3000)]

    for secret in [*known, *unknown, *known, *unknown]:
        ring.find(secret, DEADLINE)

    assert table.usage.calls == 6000  # each was forgotten before it came again


def test_other_keys_are_other_keys() -> None:
    ring = KeyRing(FakeTable([a_key()]), cache_seconds=60)
    ring.find(PRIVATE_KEY, DEADLINE)

    assert ring.find(PRIVATE_KEY.replace("sk_test", "sk_live"), DEADLINE) is None
