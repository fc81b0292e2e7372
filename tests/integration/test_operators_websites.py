"""Operators' websites and allowed origins."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.deadlines import Deadline, unavailable
from support.dynamodb.actions import Change, ConditionFailed
from support.dynamodb.items import Item
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import ApiKey, hash_secret

from local.seed import DELETED_WEBSITE, seed
from tests import demo
from tests.builders import ORGANIZATION, OTHER_WEBSITE, PRIVATE_KEY, UNKNOWN_KEY, WEBSITE
from tests.operators import Operate, a_key, a_website, hooked, operators_over, refused
from tests.stored import InDynamoDB, InMemory, Storage

UNKNOWN = "01JDEM0WEBS1TENV0000000000"
#: More than one transaction changes.
MANY = 60


def fail() -> None:
    raise unavailable()


def in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (str(item["PK"]), str(item["SK"])))


@pytest.fixture
def origins_of_keys(database: Table) -> Callable[[str], list[frozenset[str]]]:
    """Read what requests read of all keys of a website."""

    def read(website_id: str) -> list[frozenset[str]]:
        deadline = Deadline.after(60)
        records = database.query(TABLE, f"WEBSITE#{website_id}", KeyRange.of_prefix("APIKEY#"), deadline)
        found = [database.get(ApiKey.key(str(record["secretHash"])), deadline) for record in records]
        return [ApiKey.from_item(item).allowed_origins for item in found if item is not None]

    return read


@pytest.fixture
def large(operate: Operate) -> str:
    """A website with more keys than one transaction changes."""
    website_id = a_website(operate, "https://old.example.com")
    for _ in range(MANY):
        a_key(operate, website_id, "public")
    return website_id


def test_a_website_is_shown_as_it_was_stored(operate: Operate) -> None:
    made = operate(
        "create_website",
        name="Shop",
        organizationId=ORGANIZATION,
        allowedOrigins=["Shop.example.com", "http://old.example.com:80"],
    )

    website = made["website"]
    assert website["allowedOrigins"] == ["https://shop.example.com", "http://old.example.com"]
    assert (website["name"], website["organizationId"], website["version"]) == ("Shop", ORGANIZATION, 1)
    assert made["warnings"] == ["http://old.example.com: only test keys accept http."]
    assert operate("get_website", websiteId=website["id"]) == {"website": website}


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, "name organizationId"),
        ({"name": "", "organizationId": "a b"}, "name organizationId"),
        ({"name": "Shop", "organizationId": "acme", "allowedOrigins": ["*.com"]}, "allowedOrigins.0"),
        ({"name": "Shop", "organizationId": "acme", "allowedOrigins": "a.com"}, "allowedOrigins"),
        ({"name": "Shop", "organizationId": "acme", "allowedOrigins": ["a" * 300]}, "allowedOrigins.0"),
        ({"name": "Shop", "organizationId": "acme", "allowedOrigins": ["a.com"] * 101}, "allowedOrigins"),
        ({"name": "Shop", "organizationId": "acme", "origins": []}, "origins"),
        ({"name": 5, "organizationId": "acme"}, "name"),
    ],
)
def test_a_wrong_website_is_answered_with_what_to_change(operate: Operate, fields: dict[str, Any], paths: str) -> None:
    assert refused(operate("create_website", **fields)) == f"VALIDATION_FAILED {paths}"


@pytest.mark.parametrize("action", ["get_website", "list_keys", "delete_website"])
def test_a_website_that_does_not_exist_is_not_found(operate: Operate, action: str) -> None:
    assert refused(operate(action, websiteId=UNKNOWN)) == "NOT_FOUND"


def test_websites_are_listed_a_page_at_a_time(operate: Operate) -> None:
    mine = [a_website(operate) for _ in range(3)]

    seen: list[str] = []
    fields: dict[str, Any] = {"limit": 2}
    while True:
        page = operate("list_websites", **fields)
        seen += [website["id"] for website in page["websites"]]
        if page["nextCursor"] is None:
            break
        fields["cursor"] = page["nextCursor"]

    assert set(seen) == {WEBSITE, OTHER_WEBSITE, DELETED_WEBSITE.id, *mine}
    assert len(seen) == 6
    assert seen == sorted(seen)


# Allowed origins ----------------------------------------------------------------------------------------------------


def test_origins_are_added_and_removed_in_whatever_way_they_are_written(
    operate: Operate, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    website_id = a_website(operate, "https://a.com", "https://b.com")
    a_key(operate, website_id)
    a_key(operate, website_id, "public")

    response = operate("update_allowed_origins", websiteId=website_id, add=["C.com"], remove=["A.com:443"])

    assert response["website"]["allowedOrigins"] == ["https://b.com", "https://c.com"]
    assert response["activeKeys"] == 2
    assert operate("get_website", websiteId=website_id)["website"] == response["website"]
    assert origins_of_keys(website_id) == [{"https://b.com", "https://c.com"}] * 2


def test_origins_are_replaced_by_whoever_saw_the_last_version(operate: Operate) -> None:
    website_id = a_website(operate, "https://a.com")
    seen = operate("get_website", websiteId=website_id)["website"]["version"]

    response = operate("update_allowed_origins", websiteId=website_id, replace=["b.com"], version=seen)
    late = operate("update_allowed_origins", websiteId=website_id, replace=["c.com"], version=seen)

    assert response["website"]["allowedOrigins"] == ["https://b.com"]
    assert refused(late) == "CONFLICT"
    assert operate("get_website", websiteId=website_id)["website"] == response["website"]


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, ""),
        ({"replace": [], "version": 1, "add": ["a.com"]}, ""),
        ({"replace": []}, ""),
        ({"add": ["a.com"], "version": 1}, ""),
        ({"add": ["a.com", "https://a.com/b"]}, "add.1"),
        ({"remove": ["*"]}, "remove.0"),
        ({"replace": ["*"], "version": 1}, "replace.0"),
        ({"add": [f"{n}.example.com" for n in range(100)]}, "add"),
    ],
)
def test_a_wrong_change_of_origins_changes_nothing(operate: Operate, fields: dict[str, Any], paths: str) -> None:
    before = operate("get_website", websiteId=WEBSITE)

    response = operate("update_allowed_origins", websiteId=WEBSITE, **fields)

    assert refused(response) == f"VALIDATION_FAILED {paths}"
    assert operate("get_website", websiteId=WEBSITE) == before


def test_a_change_of_origins_reaches_more_keys_than_one_transaction_holds(
    operate: Operate, large: str, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    response = operate("update_allowed_origins", websiteId=large, add=["new.example.com"], remove=["old.example.com"])

    assert response["activeKeys"] == MANY
    assert origins_of_keys(large) == [{"https://new.example.com"}] * MANY


def test_a_key_that_is_gone_is_not_made_by_a_change_of_it(database: Table) -> None:
    gone = ApiKey.key(hash_secret(UNKNOWN_KEY))

    with pytest.raises(ConditionFailed):
        database.transact([Change(gone, {"allowedOrigins": []})], Deadline.after(60))

    assert database.get(gone, Deadline.after(60)) is None


def test_a_change_that_fails_says_so_and_is_finished_by_repeating_it(
    storage: Storage, operate: Operate, large: str, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    change = {"websiteId": large, "add": ["new.example.com"], "remove": ["old.example.com"]}

    failed = operators_over(hooked(storage.table(), {2: fail}))("update_allowed_origins", **change)
    half_done = origins_of_keys(large)
    operate("update_allowed_origins", **change)

    assert refused(failed) == "UNAVAILABLE"
    assert "not yet all of its keys" in failed["error"]["message"]
    assert half_done.count(frozenset({"https://old.example.com"})) == MANY - 49
    assert origins_of_keys(large) == [{"https://new.example.com"}] * MANY


def test_a_replacement_that_fails_is_finished_by_repeating_it(
    storage: Storage, operate: Operate, large: str, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    version = operate("get_website", websiteId=large)["website"]["version"]
    change = {"websiteId": large, "replace": ["new.example.com"], "version": version}

    failed = operators_over(hooked(storage.table(), {2: fail}))("update_allowed_origins", **change)
    again = operate("update_allowed_origins", **change)

    assert refused(failed) == "UNAVAILABLE"
    assert again["website"]["allowedOrigins"] == ["https://new.example.com"]
    assert origins_of_keys(large) == [{"https://new.example.com"}] * MANY


def test_keys_that_never_work_again_do_not_hold_a_change_of_origins_up(
    operate: Operate, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    website_id = a_website(operate, "https://old.example.com")
    revoked, _ = a_key(operate, website_id)
    operate("revoke_key", keyId=revoked)
    a_key(operate, website_id)

    response = operate("update_allowed_origins", websiteId=website_id, add=["new.example.com"])

    assert response["activeKeys"] == 1
    assert sorted(map(len, origins_of_keys(website_id))) == [1, 2]


def test_a_key_issued_while_origins_are_replaced_does_not_stop_that(
    storage: Storage, operate: Operate, large: str, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    version = operate("get_website", websiteId=large)["website"]["version"]
    table = hooked(storage.table(), {2: lambda: a_key(operate, large)})

    response = operators_over(table)("update_allowed_origins", websiteId=large, replace=["b.com"], version=version)

    assert response["website"]["allowedOrigins"] == ["https://b.com"]
    assert origins_of_keys(large) == [{"https://b.com"}] * (MANY + 1)


def test_a_change_that_is_on_its_way_does_not_undo_a_later_one(
    storage: Storage, operate: Operate, large: str, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    def take_back() -> None:
        operate("update_allowed_origins", websiteId=large, remove=["evil.example.com"])

    table = hooked(storage.table(), {2: take_back})
    response = operators_over(table)("update_allowed_origins", websiteId=large, add=["evil.example.com"])

    assert response["website"]["allowedOrigins"] == ["https://old.example.com"]
    assert origins_of_keys(large) == [{"https://old.example.com"}] * MANY


def test_operators_at_once_lose_no_change(
    storage: Storage, operate: Operate, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    website_id = a_website(operate)
    a_key(operate, website_id)

    def work(name: str) -> None:
        mine = operators_over(storage.table())
        for n in range(5):
            response = mine("update_allowed_origins", websiteId=website_id, add=[f"{name}{n}.example.com"])
            assert "error" not in response
            a_key(mine, website_id, "public")

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, ["a", "b", "c"]))

    expected = {f"https://{name}{n}.example.com" for name in "abc" for n in range(5)}
    website = operate("get_website", websiteId=website_id)["website"]
    assert set(website["allowedOrigins"]) == expected
    assert origins_of_keys(website_id) == [expected] * 16
    assert website["version"] == 1 + 1 + 15 + 15


def test_a_key_issued_while_origins_change_has_the_new_ones(
    storage: Storage, operate: Operate, origins_of_keys: Callable[[str], list[frozenset[str]]]
) -> None:
    website_id = a_website(operate, "https://old.example.com")
    change = {"websiteId": website_id, "add": ["new.example.com"], "remove": ["old.example.com"]}
    table = hooked(storage.table(), {1: lambda: operate("update_allowed_origins", **change)})

    a_key(operators_over(table), website_id, "public")

    assert origins_of_keys(website_id) == [{"https://new.example.com"}]


# Deletion -----------------------------------------------------------------------------------------------------------


def test_a_website_with_active_keys_is_not_deleted(operate: Operate) -> None:
    website_id = a_website(operate)
    key_id, _ = a_key(operate, website_id)

    assert refused(operate("delete_website", websiteId=website_id)) == "CONFLICT"

    operate("revoke_key", keyId=key_id)
    response = operate("delete_website", websiteId=website_id)
    assert response["website"]["deletedAt"] is not None
    assert response["revokedKeys"] == 0


def test_a_forced_deletion_revokes_all_keys_and_hides_the_website(operate: Operate, large: str) -> None:
    _, secret = a_key(operate, large)

    response = operate("delete_website", websiteId=large, force=True)

    assert response["revokedKeys"] == MANY + 1
    assert operate("describe_key", key=secret)["key"]["status"] == "revoked"
    assert refused(operate("get_website", websiteId=large)) == "NOT_FOUND"
    assert refused(operate("update_allowed_origins", websiteId=large, add=["a.com"])) == "NOT_FOUND"
    assert refused(operate("issue_key", websiteId=large, type="private", mode="test", name="x")) == "NOT_FOUND"
    assert large not in {website["id"] for website in operate("list_websites", limit=100)["websites"]}


def test_a_deletion_that_fails_is_finished_by_repeating_it(storage: Storage, operate: Operate, large: str) -> None:
    _, last = a_key(operate, large)

    failed = operators_over(hooked(storage.table(), {2: fail}))("delete_website", websiteId=large, force=True)
    still_there = operate("describe_key", key=last)["key"]["status"]
    operate("delete_website", websiteId=large, force=True)

    assert (refused(failed), still_there) == ("UNAVAILABLE", "active")
    assert operate("describe_key", key=last)["key"]["status"] == "revoked"


def test_a_repeated_deletion_keeps_the_first_date(operate: Operate) -> None:
    website_id = a_website(operate)

    first, second = (operate("delete_website", websiteId=website_id)["website"]["deletedAt"] for _ in range(2))

    assert first == second


# The demo data ------------------------------------------------------------------------------------------------------


def test_the_demo_data_is_the_same_here_and_in_memory(dynamodb: str, empty_table: str) -> None:
    here = InDynamoDB(dynamodb, empty_table)
    seed(here.table())
    once = in_order(here.scan())
    seed(here.table())

    assert once == in_order(demo.items())
    assert in_order(here.scan()) == once


def test_demo_data_that_is_half_there_is_completed() -> None:
    storage = InMemory()
    with pytest.raises(Exception, match="not known"):
        seed(hooked(storage.table(), {7: fail}))
    assert len(storage.scan()) < len(demo.items())

    seed(storage.table())

    assert in_order(storage.scan()) == in_order(demo.items())


def test_demo_data_that_was_deleted_or_revoked_stays_so(storage: Storage, operate: Operate) -> None:
    operate("revoke_key", key=PRIVATE_KEY)
    operate("delete_website", websiteId=OTHER_WEBSITE, force=True)

    seed(storage.table())

    assert operate("describe_key", key=PRIVATE_KEY)["key"]["status"] == "revoked"
    assert refused(operate("get_website", websiteId=OTHER_WEBSITE)) == "NOT_FOUND"
