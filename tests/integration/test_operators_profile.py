"""What operators let widgets show of a website: its name and its profile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.deadlines import Deadline, unavailable
from support.dynamodb.items import item_size
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import ApiKey

from local.seed import seed
from tests.builders import WEBSITE
from tests.operators import Operate, a_key, a_website, hooked, operators_over, refused
from tests.stored import Storage

UNKNOWN = "01JDEM0WEBS1TENV0000000000"
#: More than one transaction changes.
MANY = 60

JANE = {"id": "jane", "name": "Jane", "image": "https://example.com/jane.jpg"}
JOE = {"id": "joe", "name": None, "image": None}
ROBIN = {"id": "robin", "name": "Robin", "image": None}
WHOLE: dict[str, Any] = {
    "name": "Parcels",
    "domain": "parcels.example.com",
    "description": "We answer.",
    "logoUrl": "https://example.com/logo.svg",
    "defaultLanguage": "de-AT",
    "availableHumanAgents": [JANE, JOE],
    "availableAIAgents": [ROBIN],
}
NOTHING: dict[str, Any] = {
    "domain": "shop.example.com",  # that of the first allowed origin
    "description": None,
    "logoUrl": None,
    "defaultLanguage": "en",
    "availableHumanAgents": [],
    "availableAIAgents": [],
}


@pytest.fixture
def names_of_keys(database: Table) -> Callable[[str], list[str]]:
    """Read what requests take for the website's name, by all of its keys."""

    def read(website_id: str) -> list[str]:
        deadline = Deadline.after(60)
        records = database.query(TABLE, f"WEBSITE#{website_id}", KeyRange.of_prefix("APIKEY#"), deadline)
        keys = [ApiKey.key(str(record["secretHash"])) for record in records]
        return [ApiKey.from_item(item).website_name for item in database.get_many(keys, deadline)]

    return read


@pytest.fixture
def shop(operate: Operate) -> str:
    return a_website(operate, "https://shop.example.com")


@pytest.fixture
def large(operate: Operate, shop: str) -> str:
    """A website with more keys than one transaction changes."""
    for _ in range(MANY):
        a_key(operate, shop, "public")
    return shop


def shown(operate: Operate, website_id: str) -> dict[str, Any]:
    website: dict[str, Any] = operate("get_website", websiteId=website_id)["website"]
    return website


def fail() -> None:
    raise unavailable()


def test_a_profile_is_shown_as_it_was_stored(operate: Operate, shop: str) -> None:
    before = shown(operate, shop)
    a_key(operate, shop)

    response = operate("update_website", websiteId=shop, **WHOLE)

    assert response["website"] == {**before, **WHOLE, "version": 3}
    assert (response["activeKeys"], set(response["changed"])) == (1, set(WHOLE))
    assert shown(operate, shop) == response["website"]


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_left_out_stays(operate: Operate, shop: str, name: str) -> None:
    operate("update_website", websiteId=shop, **WHOLE)
    other = {**WHOLE, "name": "Letters", "domain": "b.com", "defaultLanguage": "fr", "logoUrl": "https://b.com/"}
    other |= {"description": "New", "availableHumanAgents": [JOE], "availableAIAgents": []}

    after = operate("update_website", websiteId=shop, **{name: other[name]})["website"]

    assert {field: after[field] for field in WHOLE} == {**WHOLE, name: other[name]}


def test_null_and_an_empty_list_take_away(operate: Operate, shop: str) -> None:
    operate("update_website", websiteId=shop, **WHOLE)
    nothing = {**NOTHING, "domain": None, "defaultLanguage": None}

    after = operate("update_website", websiteId=shop, **nothing)["website"]

    assert {name: after[name] for name in NOTHING} == NOTHING
    assert after["name"] == WHOLE["name"]


@pytest.mark.parametrize(
    ("name", "written", "stored"),
    [
        ("domain", "Shop.Example.com", "shop.example.com"),
        ("domain", "https://münchen.de/", "xn--mnchen-3ya.de"),
        ("logoUrl", "HTTPS://Example.com:443/my logo.svg?a=b", "https://example.com/my%20logo.svg?a=b"),
        ("logoUrl", "https://bücher.example", "https://xn--bcher-kva.example/"),
    ],
)
def test_hosts_and_urls_are_stored_as_browsers_write_them(
    operate: Operate, shop: str, name: str, written: str, stored: str
) -> None:
    assert operate("update_website", websiteId=shop, **{name: written})["website"][name] == stored


URLS = [
    *("", "/logo.svg", "//example.com/a", "http://example.com/a", "data:image/png;base64,AAAA", "blob:https://a.com/1"),
    *("javascript:alert(1)", "https:", "https://", "https:///a", "https:a.com", "https://a b.com/", " https://a.com/"),
    *("https://me@a.com/", "https://me:pw@a.com/", "https://a.com/" + "x" * 2_048, "https://a.com/" + "é" * 500),
]


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, ""),
        ({"version": 1}, ""),
        *[({"name": name}, "name") for name in (None, "", "x" * 101, 5)],
        *[
            ({"domain": domain}, "domain")
            for domain in ("", "a.com:8443", "*.a.com", "http://a.com", "a.com/b", "me@a.com", "[::1]:1", "x" * 300)
        ],
        *[({"description": text}, "description") for text in ("", "x" * 501, 5)],
        *[({"logoUrl": url}, "logoUrl") for url in URLS],
        *[({"defaultLanguage": tag}, "defaultLanguage") for tag in ("", "e", "en_US", "english!", "en" + "-a" * 17)],
        *[({"availableHumanAgents": [{**JANE, "image": url}]}, "availableHumanAgents.0.image") for url in URLS],
        *[({"availableAIAgents": [{**ROBIN, "name": name}]}, "availableAIAgents.0.name") for name in (None, "", 5)],
        ({"availableAIAgents": [{"id": "robin"}]}, "availableAIAgents.0.name"),
        ({"availableAIAgents": [ROBIN, {**ROBIN, "id": "a b"}]}, "availableAIAgents.1.id"),
        ({"availableAIAgents": None}, "availableAIAgents"),
        ({"availableHumanAgents": ["jane"]}, "availableHumanAgents.0"),
        ({"availableHumanAgents": [JANE, {**JANE, "name": "Joe"}]}, "availableHumanAgents"),
        ({"availableHumanAgents": [{**JOE, "id": str(n)} for n in range(51)]}, "availableHumanAgents"),
        ({"description": "x", "logo": None}, "logo"),
    ],
)
def test_a_wrong_profile_changes_nothing(operate: Operate, shop: str, fields: dict[str, Any], paths: str) -> None:
    before = shown(operate, shop)

    assert refused(operate("update_website", websiteId=shop, **fields)) == f"VALIDATION_FAILED {paths}"
    assert shown(operate, shop) == before


@pytest.mark.parametrize("agents", ["availableHumanAgents", "availableAIAgents"])
@pytest.mark.parametrize("agent", [{"email": "jane@example.com"}, {"name": "Jane <jane@example.com>"}])
def test_an_e_mail_address_is_refused_wherever_a_visitor_would_see_it(
    operate: Operate, shop: str, agents: str, agent: dict[str, str]
) -> None:
    [name] = agent

    response = operate("update_website", websiteId=shop, **{agents: [{**JANE, **agent}]})

    assert refused(response) == f"VALIDATION_FAILED {agents}.0.{name}"


def test_what_requests_read_of_a_key_stays_small(database: Table, operate: Operate) -> None:
    website_id = a_website(operate, *(f"https://{n:03}.{'a.' * 124}a" for n in range(100)))
    _, secret = a_key(operate, website_id)
    many = [{"id": f"{n:064}", "name": "x" * 100, "image": None} for n in range(50)]

    assert "error" not in operate("update_website", websiteId=website_id, availableHumanAgents=many)
    assert refused(operate("update_website", websiteId=website_id, availableAIAgents=many)) == "VALIDATION_FAILED "

    record = operate("describe_key", key=secret)
    item = database.get(ApiKey.key(record_hash(database, record["key"]["id"])), Deadline.after(60))
    assert item is not None
    assert item_size(item) < 45_000


def record_hash(database: Table, key_id: str) -> str:
    record = database.get((f"WEBSITE#{key_id[:26]}", f"APIKEY#{key_id}"), Deadline.after(60))
    assert record is not None
    return str(record["secretHash"])


# Others, at the same time and before ---------------------------------------------------------------------------------


def test_operators_at_once_lose_no_change(storage: Storage, operate: Operate, shop: str) -> None:
    a_key(operate, shop)
    others: list[dict[str, Any]] = [
        {"name": "Parcels"},
        {"description": "We answer."},
        {"availableAIAgents": [ROBIN]},
        {"domain": "a.com"},
    ]

    def work(fields: dict[str, Any]) -> None:
        mine = operators_over(storage.table())
        assert "error" not in mine("update_website", websiteId=shop, **fields)

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, others))

    after = shown(operate, shop)
    assert all(after[name] == value for fields in others for name, value in fields.items())
    assert after["version"] == 1 + 1 + len(others)


def test_a_change_of_what_somebody_looked_at_overwrites_nobody(operate: Operate, shop: str) -> None:
    seen = shown(operate, shop)["version"]

    mine = operate("update_website", websiteId=shop, version=seen, availableHumanAgents=[JANE])
    late = operate("update_website", websiteId=shop, version=seen, availableHumanAgents=[JOE])
    again = operate("update_website", websiteId=shop, version=seen, availableHumanAgents=[JANE])

    assert refused(late) == "CONFLICT"
    assert again["website"] == {**mine["website"], "version": mine["website"]["version"] + 1}
    assert shown(operate, shop)["availableHumanAgents"] == [JANE]


def test_it_reaches_more_keys_than_one_transaction_holds(
    operate: Operate, large: str, names_of_keys: Callable[[str], list[str]]
) -> None:
    assert operate("update_website", websiteId=large, name="Parcels")["activeKeys"] == MANY

    assert names_of_keys(large) == ["Parcels"] * MANY


def test_a_change_that_is_on_its_way_does_not_undo_a_later_one(
    storage: Storage, operate: Operate, large: str, names_of_keys: Callable[[str], list[str]]
) -> None:
    table = hooked(storage.table(), {2: lambda: operate("update_website", websiteId=large, name="Later")})

    response = operators_over(table)("update_website", websiteId=large, name="Earlier", description="We answer.")

    assert (response["website"]["name"], response["website"]["description"]) == ("Later", "We answer.")
    assert names_of_keys(large) == ["Later"] * MANY


def test_a_key_that_never_works_again_does_not_change(
    operate: Operate, shop: str, names_of_keys: Callable[[str], list[str]]
) -> None:
    revoked, _ = a_key(operate, shop)
    operate("revoke_key", keyId=revoked)
    _, active = a_key(operate, shop)

    assert operate("update_website", websiteId=shop, name="Parcels")["activeKeys"] == 1

    assert sorted(names_of_keys(shop)) == ["Parcels", "Shop"]
    assert operate("describe_key", keyId=revoked)["key"]["status"] == "revoked"
    assert operate("describe_key", key=active)["key"]["status"] == "active"


def test_a_key_keeps_its_expiry(operate: Operate, shop: str) -> None:
    _, secret = a_key(operate, shop, expiresAt="2036-01-01T00:00:00Z")

    operate("update_website", websiteId=shop, name="Parcels")

    assert operate("describe_key", key=secret)["key"]["expiresAt"] == "2036-01-01T00:00:00.000Z"


def test_a_website_that_is_not_there_is_not_found(operate: Operate, shop: str) -> None:
    operate("delete_website", websiteId=shop)

    for website_id in (UNKNOWN, shop):
        assert refused(operate("update_website", websiteId=website_id, name="x")) == "NOT_FOUND"


# The demo data -------------------------------------------------------------------------------------------------------


def test_what_an_operator_made_of_the_demo_profile_stays(storage: Storage, operate: Operate) -> None:
    operate("update_website", websiteId=WEBSITE, **{**NOTHING, "defaultLanguage": None})
    before = shown(operate, WEBSITE)

    seed(storage.table())

    assert shown(operate, WEBSITE) == before
    assert before["availableAIAgents"] == []
