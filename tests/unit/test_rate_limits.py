"""How often one address may call with a public key."""

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from support.dynamodb.items import Key
from support.errors import Code, Refusal
from support.observability import metrics
from support.rate_limits import WINDOW_SECONDS, RateLimiter
from support.values.api_key import ApiKey

from tests.builders import WEBSITE, a_key
from tests.fakes import FakeTable

NOW = 1_795_521_610  # ten seconds into a window
ADDRESS = "203.0.113.7"
PROXY = "10.0.0.1"
TRUSTED = ["10.0.0.0/8", "2001:db8:ffff::/48"]


class Counters(FakeTable):
    """A table that counts; `ttls` holds when each counter expires."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Key] = Counter()
        self.ttls: dict[Key, int] = {}

    def increment(self, key: Key, ttl: int) -> int:
        self.counts[key] += 1
        self.ttls[key] = ttl
        return self.counts[key]


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture(autouse=True)
def _no_metrics() -> Iterator[None]:
    yield
    metrics.clear_metrics()


def public_key(website: str = WEBSITE, mode: str = "test") -> ApiKey:
    return ApiKey.from_item(a_key(f"pk_{mode}_" + "0" * 64, website_id=website))


def limiter(counters: Counters, per_minute: int = 3, now: float = NOW) -> RateLimiter:
    return RateLimiter(counters, per_minute, TRUSTED, clock=lambda: now)


def call(limiter: RateLimiter, key: ApiKey | None = None, source: str = ADDRESS, forwarded_for: str = "") -> bool:
    """Make a call and tell whether it may be made."""
    counter = limiter.counter(key or public_key(), source, forwarded_for)
    if counter is None:
        return True
    try:
        with limiter.counting(counter):
            return True
    except Refusal:
        return False


def client(source: str = ADDRESS, forwarded_for: str = "") -> str:
    """Return the address to which a call is counted."""
    counter = limiter(Counters()).counter(public_key(), source, forwarded_for)
    assert counter is not None
    return counter[0].rpartition("#")[2]


def test_calls_up_to_the_limit_are_let_through(counters: Counters) -> None:
    under_test = limiter(counters, per_minute=3)

    assert [call(under_test) for _ in range(5)] == [True, True, True, False, False]


def test_a_refused_call_is_not_counted(counters: Counters) -> None:
    under_test = limiter(counters, per_minute=1)
    for _ in range(5):
        call(under_test)

    assert counters.counts.total() == 1


def test_two_environments_share_a_limit_and_pass_it_by_one_call_each_at_most(counters: Counters) -> None:
    first, second = limiter(counters, per_minute=10), limiter(counters, per_minute=10)
    call(second)
    while call(first):
        pass

    assert call(second)
    assert not call(second)
    assert counters.counts.total() == 10 + 1


def test_a_limit_of_0_is_none(counters: Counters) -> None:
    under_test = limiter(counters, per_minute=0)

    assert all(call(under_test) for _ in range(100))
    assert not counters.counts


def test_private_keys_are_never_limited(counters: Counters) -> None:
    key = ApiKey.from_item(a_key())
    under_test = limiter(counters, per_minute=1)

    assert all(call(under_test, key) for _ in range(100))
    assert not counters.counts


@pytest.mark.parametrize(
    ("key", "source"),
    [
        (public_key(), "203.0.113.8"),
        (public_key(website="01JDEM0WEBS1TEB00000000000"), ADDRESS),
        (public_key(mode="live"), ADDRESS),
    ],
    ids=["address", "website", "mode"],
)
def test_another_one_has_its_own_limit(counters: Counters, key: ApiKey, source: str) -> None:
    under_test = limiter(counters, per_minute=1)
    call(under_test)

    assert not call(under_test)
    assert call(under_test, key, source)


def test_all_public_keys_of_a_website_and_mode_share_a_limit(counters: Counters) -> None:
    under_test = limiter(counters, per_minute=1)
    call(under_test)

    assert not call(under_test, ApiKey.from_item(a_key("pk_test_" + "9" * 64, id="another")))


# Windows ------------------------------------------------------------------------------------------------------------


def test_a_window_ends_on_the_minute(counters: Counters) -> None:
    now = float(NOW)
    under_test = RateLimiter(counters, 1, clock=lambda: now)
    assert call(under_test)

    now = NOW + 49.999
    assert not call(under_test)
    now = NOW + 50
    assert call(under_test)


@pytest.mark.parametrize(("now", "seconds"), [(NOW, 50), (NOW + 49.999, 1), (NOW + 50, 60), (NOW + 51, 59)])
def test_a_refusal_says_when_the_window_ends(counters: Counters, now: float, seconds: int) -> None:
    under_test = limiter(counters, per_minute=1, now=now)
    call(under_test)
    counter = under_test.counter(public_key(), ADDRESS, "")
    assert counter is not None

    with pytest.raises(Refusal) as refused, under_test.counting(counter):
        pass

    assert (refused.value.code, refused.value.retry_after) == (Code.RATE_LIMITED, seconds)


@pytest.mark.parametrize("second", [0, 1, 59, 59.999])
def test_a_counter_outlives_its_window_and_no_more(counters: Counters, second: float) -> None:
    start = NOW // 60 * 60
    call(limiter(counters, now=start + second))

    [ttl] = counters.ttls.values()
    assert start + WINDOW_SECONDS < ttl <= start + 2 * WINDOW_SECONDS


def test_the_quota_counts_down(counters: Counters) -> None:
    under_test = limiter(counters, per_minute=2)
    counter = under_test.counter(public_key(), ADDRESS, "")
    assert counter is not None

    left = [under_test.quota(counter).remaining]
    for _ in range(2):
        with under_test.counting(counter):
            pass
        left.append(under_test.quota(counter).remaining)

    assert left == [2, 1, 0]


def test_only_so_many_verdicts_are_remembered(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.rate_limits._REMEMBERED", 10)
    under_test = limiter(counters, per_minute=1)
    for host in range(100):
        assert call(under_test, source=f"203.0.113.{host}")

    assert [host for host in range(100) if not call(under_test, source=f"203.0.113.{host}")] == []
    assert not call(under_test, source="203.0.113.99")


# Who calls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "counted_as"),
    [
        (ADDRESS, ADDRESS),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        (f"::ffff:{ADDRESS}", ADDRESS),
        ("::ffff:cb00:7107", ADDRESS),
        (f"{ADDRESS}:39870", ADDRESS),
        ("[2001:db8:1:2::1]:39870", "2001:db8:1:2::/64"),
    ],
)
def test_ipv4_counts_by_address_and_ipv6_by_its_64(source: str, counted_as: str) -> None:
    assert client(source) == counted_as


@pytest.mark.parametrize("forged", ["198.51.100.1", PROXY, f"198.51.100.1, {PROXY}", "::1", ",", "x" * 8000])
def test_a_client_can_not_choose_its_address(forged: str) -> None:
    assert client(ADDRESS, forged) == ADDRESS
    # The gateway appends what it saw.
    assert client(ADDRESS, f"{forged}, {ADDRESS}") == ADDRESS
    # So does a proxy.
    assert client(PROXY, f"{forged}, {ADDRESS}") == ADDRESS
    assert client(PROXY, f"{forged}, {ADDRESS}, {PROXY}") == ADDRESS


@pytest.mark.parametrize(
    ("source", "forwarded_for", "counted_as"),
    [
        (PROXY, ADDRESS, ADDRESS),
        (PROXY, f"198.51.100.1,{ADDRESS}", ADDRESS),
        (PROXY, f"{ADDRESS}, 10.9.9.9, {PROXY}", ADDRESS),
        (PROXY, f"\t{ADDRESS} ,\t10.9.9.9 ", ADDRESS),
        (PROXY, f"{ADDRESS}:1234", ADDRESS),
        (PROXY, "[2001:db8:1:2::1]:1234", "2001:db8:1:2::/64"),
        (PROXY, "[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        (PROXY, "2001:db8:1:2::1", "2001:db8:1:2::/64"),
        (PROXY, f"::ffff:{ADDRESS}", ADDRESS),
        (f"::ffff:{PROXY}", ADDRESS, ADDRESS),
        ("2001:db8:ffff::1", ADDRESS, ADDRESS),
        (f"{PROXY}:39870", ADDRESS, ADDRESS),
    ],
)
def test_a_trusted_proxy_s_word_is_believed(source: str, forwarded_for: str, counted_as: str) -> None:
    assert client(source, forwarded_for) == counted_as


@pytest.mark.parametrize(
    "garbage", ["", " ", ",", "unknown", "_hidden", "203.0.113", "203.0.113.7/24", "[::1", "203.0.113.7:", "\N{BULLET}"]
)
def test_behind_what_is_no_address_the_proxy_itself_counts(garbage: str) -> None:
    assert client(PROXY, garbage) == PROXY
    assert client(PROXY, f"{ADDRESS}, {garbage}") == PROXY


def test_a_chain_of_proxies_alone_counts_as_its_first() -> None:
    assert client(PROXY, "10.0.0.3, 10.0.0.2") == "10.0.0.3"


NO_ADDRESS = ["", "unknown", "203.0.113", "203.0.113.7/24", "[::1", "203.0.113.7:", "::1::", "\N{BULLET}", "1" * 8000]


@pytest.mark.parametrize("source", NO_ADDRESS)
def test_what_is_no_address_has_no_limit_and_is_measured_as_a_failure(counters: Counters, source: str) -> None:
    under_test = limiter(counters, per_minute=1)

    assert [call(under_test, source=source, forwarded_for=ADDRESS) for _ in range(3)] == [True] * 3
    assert not counters.counts
    assert metrics.metric_set["RateLimitFailed"]["Value"] == [1] * 3


@pytest.mark.parametrize("source", NO_ADDRESS)
def test_where_there_is_no_limit_an_address_is_not_looked_at(counters: Counters, source: str) -> None:
    assert call(limiter(counters, per_minute=0), source=source)
    assert call(limiter(counters, per_minute=1), ApiKey.from_item(a_key()), source=source)
    assert not metrics.metric_set


@pytest.mark.parametrize("network", ["10.0.0.1/8", "x", "10.0.0.0/33"])
def test_a_wrong_network_is_refused_at_once(counters: Counters, network: str) -> None:
    with pytest.raises(ValueError, match=network):
        RateLimiter(counters, 1, [network])


# A counter that fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Refusal(Code.UNAVAILABLE, ""), KeyError("Attributes"), RuntimeError()])
def test_a_failing_counter_lets_calls_through_and_is_measured(
    counters: Counters, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(counters, "increment", fail)
    under_test = limiter(counters, per_minute=1)

    assert [call(under_test) for _ in range(3)] == [True] * 3
    assert metrics.metric_set["RateLimitFailed"]["Value"] == [1] * 3


def test_nothing_waits_or_piles_up_for_a_hanging_counter(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    count = counters.increment

    def hang(key: Key, ttl: int) -> int:
        assert release.wait(30)
        return count(key, ttl)

    monkeypatch.setattr(counters, "increment", hang)
    under_test = limiter(counters, per_minute=1)

    assert [call(under_test) for _ in range(3)] == [True] * 3
    assert metrics.metric_set["RateLimitFailed"]["Value"] == [1] * 3
    assert len(under_test._thread._threads) == 1

    release.set()
    assert call(under_test)
    assert not call(under_test)
    # The one that hung and the one after it; those between were given up before they began.
    assert counters.counts.total() == 2


def test_the_answer_of_a_call_stands_whatever_its_counter_does(counters: Counters) -> None:
    under_test = limiter(counters)
    counter = under_test.counter(public_key(), ADDRESS, "")
    assert counter is not None

    with pytest.raises(LookupError), under_test.counting(counter):
        raise LookupError

    assert counters.counts.total() == 1
    assert under_test.quota(counter).remaining == 2
