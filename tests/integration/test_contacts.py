"""Contacts: claims are kept as they are sent, proofs prove, and neither shows anything of anybody else."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from api.routes import contacts, visitors, websites
from support.dynamodb.items import Item, Key, item_size
from support.dynamodb.table import Table
from support.values import timestamps
from support.values.metadata_hash import metadata_hash
from support.values.visitor import METADATA_SK

from tests.builders import (
    LIVE_IDENTITY_SECRET,
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    SETTINGS,
    VISITOR,
    WEBSITE,
    a_body,
    a_token,
    private,
    public,
)
from tests.calls import open_one, read_inbox, visitor
from tests.client import Api, Response, api_over
from tests.operators import Operate
from tests.stored import Storage

OF_VISITOR = f"VISITOR#{WEBSITE}#test#{VISITOR}"


def identify(api: Api, headers: dict[str, str] | None = None, **fields: Any) -> Response:
    """Say who a visitor is: as their page, unless other headers are given."""
    return api(fields, visitor() if headers is None else headers, route=contacts.IDENTIFY)


def server(api: Api, **fields: Any) -> Response:
    """Say who a visitor is, as the company's server."""
    return identify(api, private(), visitorId=VISITOR, **fields)


def patch(api: Api, headers: dict[str, str] | None = None, id_: str = VISITOR, **metadata: Any) -> Response:
    sent = visitor() if headers is None else headers
    return api({"metadata": metadata}, sent, route=contacts.PATCH_METADATA, visitorId=id_)


def find(api: Api, key: str = PRIVATE_KEY, **query: str) -> list[str]:
    response = api(headers=private(key), route=contacts.FIND, query=query)
    assert response.status == 200, response.body
    return [one["id"] for one in response.body["visitors"]]


def contact(api: Api, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Read a contact, whole, as a private key sees it unless other headers are given."""
    route = visitors.GET if headers is None else visitors.PATCH
    read = api(None if headers is None else {}, headers or private(), route=route, visitorId=VISITOR)
    assert read.status == 200, read.body
    found: dict[str, Any] = read.body["contact"]
    return found


def own(api: Api) -> Any:
    """Read what a page is told of its visitor's contact."""
    return api(headers=visitor(), route=websites.GET).body["visitor"]["contact"]


def rows(storage: Storage) -> list[str]:
    """Read the keys of all that is stored of contacts."""
    stored = storage.scan("CONTACT#") + storage.scan("VISITOR#")
    return sorted(str(row["SK"]) if str(row["PK"]).startswith("VISITOR") else "CONTACT" for row in stored)


PROVEN: dict[str, Any] = {"externalId": "user-1", "email": "jane@example.com", "name": "Jane"}
TOKEN: dict[str, Any] = {"sub": "user-1", "email": "jane@example.com", "name": "Jane"}


# Claims -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"email": " Jane@Example.COM ", "name": "", "image": ""},
        {"email": "jane", "name": "Ja\u0000ne 😀", "image": "javascript:alert(1)"},
        {"email": "jane@example.com", "name": "x" * 320, "image": "/jane.jpg"},
    ],
)
def test_what_is_sent_is_given_back_to_its_visitor_exactly(api: Api, said: dict[str, Any]) -> None:
    response = identify(api, **said)

    assert response.status == 200
    assert response.body["visitorId"] == VISITOR
    told = response.body["contact"]
    assert told.items() >= {**said, "externalId": None, "verified": [], "metadata": None}.items()
    assert own(api) == {"id": told["id"], **said, "metadataHash": ""}
    assert contact(api, visitor()) == told
    assert contact(api) == {**told, "image": None}


def test_what_is_left_out_stays(api: Api) -> None:
    first = identify(api, email="jane@example.com", name="Jane", image="https://a.com/1", metadata={"plan": "pro"}).body

    second = identify(api, externalId="user-1", name=None, metadata={"seats": None}).body

    changed = {"externalId": "user-1", "metadata": {"plan": "pro", "seats": None}}
    assert {**second["contact"], "updatedAt": ""} == {**first["contact"], **changed, "updatedAt": ""}


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("https://bücher.example/jané.jpg?a=b c", "https://xn--bcher-kva.example/jan%C3%A9.jpg?a=b%20c"),
        ("HTTPS://A.com:443", "https://a.com/"),
        ("https://[::1]:8443/[x]|%zz?q={a}`#b#%41", "https://[::1]:8443/%5Bx%5D%7C%25zz?q=%7Ba%7D%60#b%23%41"),
        ("https://{a}.com/1", None),
        ("http://a.com/1", None),
        ("https://me:pw@a.com/1", None),
        ("https:///a", None),
        ("data:image/png;base64,AAAA", None),
    ],
)
def test_the_team_sees_an_image_as_an_address_or_not_at_all(api: Api, image: str, shown: str | None) -> None:
    identify(api, email="jane@example.com", image=image)
    open_one(api)

    assert own(api)["image"] == image
    assert contact(api)["image"] == shown
    asked = api(headers={**private(), "x-visitor-id": VISITOR}, route=websites.GET)
    assert asked.body["visitor"]["contact"]["image"] == shown
    [listed] = read_inbox(api).body["items"]
    assert listed["visitor"]["contact"].items() >= {"image": shown, "email": "jane@example.com", "verified": []}.items()


def test_saying_the_same_again_is_a_replay_that_writes_nothing(api: Api, storage: Storage) -> None:
    said: dict[str, Any] = {"email": "jane@example.com", "name": "Jane", "metadata": {"plan": "pro", "seats": 3}}
    first = identify(api, **said)
    before = storage.scan()

    again = identify(api, **said)

    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.body == first.body
    assert storage.scan() == before


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({}, "externalId"),
        ({"name": "Jane"}, "externalId"),
        ({"externalId": "", "email": ""}, "externalId"),
        *(({"email": "a@b.c", name: "x" * 321}, name) for name in ("externalId", "name")),
        ({"email": "x" * 321}, "email"),
        ({"email": "a@b.c", "image": "x" * 2_049}, "image"),
        ({"email": 5}, "email"),
        ({"email": "a@b.c", "metadata": {"a": [1]}}, "metadata"),
        ({"email": "a@b.c", "metadata": {str(n): n for n in range(51)}}, "metadata"),
        ({"email": "a@b.c", "metadata": {"a": "x" * 16_384}}, "metadata"),
        ({"email": "é" * 320, "name": "é" * 320, "image": "é" * 1_000}, ""),
        ({"email": "a@b.c", "visitorId": "me"}, "visitorId"),
    ],
)
def test_what_can_not_be_kept_is_refused(api: Api, storage: Storage, said: dict[str, Any], path: str) -> None:
    response = identify(api, **said)

    assert (response.status, response.paths) == (400, [path])
    assert rows(storage) == []


def test_the_longest_texts_fit_into_what_one_unit_reads(api: Api, storage: Storage) -> None:
    texts: dict[str, Any] = {"externalId": "x" * 320, "email": "x" * 320, "name": "x" * 320, "image": "x" * 2_048}

    response = server(api, **texts)
    patch(api, plan="pro")
    api({"currentPage": {"url": "x"}}, visitor(), route=visitors.TELL, visitorId=VISITOR)

    assert response.body["contact"].items() >= {**texts, "image": None}.items()
    [row] = [row for row in storage.scan(OF_VISITOR) if row["SK"] == "VISITOR"]
    # Of the longest form of what this row does not have, or has shorter: times of retention, live mode, an actor.
    longest = {**row, "organizationId": "x" * 64, "actedBy": "x" * 64, "ttl": 2_000_000_000, "identified": True}
    longest |= {"contactVersion": 10**9, "metadataVersion": 10**9, "image": f"{row['image']}{'x' * 64}"}
    assert item_size(longest) <= 4_096


def test_a_body_of_65_536_bytes_is_the_largest(api: Api) -> None:
    assert identify(api, email="a@b.c", more="x" * 65_536).status == 413
    assert patch(api, more="x" * 65_536).status == 413


def test_each_visitor_has_a_contact_of_their_own(api: Api) -> None:
    server(api, externalId="user-1", email="jane@example.com", name="Jane", metadata={"plan": "pro"})

    other = identify(api, visitor(OTHER_VISITOR), externalId="user-1", email="jane@example.com").body["contact"]

    assert other.items() >= {"name": None, "metadata": None, "verified": []}.items()
    assert other["id"] not in {contact(api)["id"], OTHER_VISITOR}


def test_the_body_s_visitor_comes_before_the_header_s_and_the_path_s_is_the_caller(api: Api) -> None:
    response = identify(api, visitor(OTHER_VISITOR), email="jane@example.com", visitorId=VISITOR)

    assert response.body["visitorId"] == VISITOR
    assert patch(api, visitor(OTHER_VISITOR), plan="pro").status == 404
    assert contact(api)["metadata"] is None


def test_a_mode_and_a_website_know_nothing_of_another_one(api: Api) -> None:
    identify(api, email="jane@example.com")

    live = identify(api, {**public(LIVE_PUBLIC_KEY), "x-visitor-id": VISITOR}, email="joe@example.com")

    assert live.body["contact"]["email"] == "joe@example.com"
    assert contact(api)["email"] == "jane@example.com"
    assert find(api, OTHER_PRIVATE_KEY, email="jane@example.com") == []


# Proofs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["field", "metadata", "patch"])
def test_a_token_proves_each_field_that_it_has(api: Api, where: str) -> None:
    token = a_token(**{**TOKEN, "name": None})
    identify(api, email="claimed@example.com", name="Jane", image="https://a.com/1")

    if where == "patch":
        assert patch(api, identityToken=token).status == 200
    else:
        sent = {"identityToken": token} if where == "field" else {"metadata": {"identityToken": token}}
        assert identify(api, **sent).status == 200

    proven = {**PROVEN, "image": "https://a.com/1", "verified": ["externalId", "email"]}
    assert contact(api).items() >= proven.items()


def test_what_a_private_key_sends_is_proven(api: Api) -> None:
    identify(api, email="claimed@example.com", name="Jane")

    assert server(api, externalId="user-1").body["contact"]["verified"] == ["externalId"]
    assert server(api, email="jane@example.com").body["contact"]["verified"] == ["externalId", "email"]
    assert contact(api)["name"] == "Jane"


@pytest.mark.parametrize("field", PROVEN)
def test_without_a_proof_a_proven_field_does_not_change(api: Api, storage: Storage, field: str) -> None:
    server(api, **PROVEN)
    before = storage.scan()

    refused = identify(api, **{**PROVEN, field: "mallory"})

    assert (refused.status, refused.code) == (409, "CONTACT_VERIFIED")
    assert storage.scan() == before
    same = identify(api, **PROVEN, image="https://a.com/1", metadata={"plan": "pro"})
    assert same.body["contact"].items() >= {**PROVEN, "verified": [*PROVEN], "image": "https://a.com/1"}.items()


def test_a_proof_changes_what_is_proven(api: Api) -> None:
    server(api, **PROVEN)

    assert identify(api, identityToken=a_token(**{**TOKEN, "name": "Jane Doe"})).status == 200
    assert server(api, externalId="user-1", email="doe@example.com").status == 200

    assert contact(api).items() >= {"name": "Jane Doe", "email": "doe@example.com", "verified": [*PROVEN]}.items()


@pytest.mark.parametrize("signed", [True, False])
def test_another_account_begins_the_contact_anew(api: Api, storage: Storage, signed: bool) -> None:
    first = server(api, **PROVEN, image="https://a.com/1", metadata={"plan": "pro"}).body["contact"]

    if signed:
        assert patch(api, identityToken=a_token(sub="user-2"), plan="pro").status == 200
    else:
        assert server(api, externalId="user-2").status == 200

    after = contact(api)
    nothing = {"email": None, "name": None, "image": None, "metadata": {"plan": "pro"} if signed else None}
    assert after.items() >= {**nothing, "externalId": "user-2", "verified": ["externalId"]}.items()
    assert after["id"] != first["id"]
    assert find(api, externalId="user-1") == find(api, email=PROVEN["email"]) == []
    assert rows(storage) == ["CONTACT", "METADATA", "VISITOR"]
    assert ("pro" in json.dumps(storage.scan("VISITOR#"))) == signed


def test_a_first_account_adds_to_what_was_claimed(api: Api) -> None:
    first = identify(api, email="jane@example.com", metadata={"plan": "pro"}).body["contact"]

    identify(api, identityToken=a_token(sub="user-1"))

    expected = {"id": first["id"], "email": "jane@example.com", "metadata": {"plan": "pro"}, "verified": ["externalId"]}
    assert contact(api).items() >= expected.items()


LATE = a_token(exp=1_600_000_000)


@pytest.mark.parametrize(
    "body",
    [
        {"identityToken": ""},
        {"identityToken": "x"},
        {"identityToken": LATE},
        {"identityToken": a_token(LIVE_IDENTITY_SECRET)},
        {"identityToken": a_token(), "externalId": "user-2"},
        {"identityToken": a_token(), "email": "jane@example.com"},
        {"identityToken": a_token(**TOKEN), "name": "Joe"},
        {"identityToken": a_token(**TOKEN), "email": "Jane@example.com"},
        {"identityToken": a_token(), "metadata": {"identityToken": LATE}},
        {"metadata": {"identityToken": LATE}, "email": "jane@example.com"},
        {"metadata": {"identityToken": 5}, "email": "jane@example.com"},
        {"metadata": {"identityToken": ""}, "email": "jane@example.com"},
    ],
)
def test_a_wrong_token_and_a_body_that_disagrees_write_nothing(
    api: Api, storage: Storage, body: dict[str, Any]
) -> None:
    response = identify(api, **body)

    assert (response.status, response.code) == (400, "INVALID_IDENTITY_TOKEN")
    assert rows(storage) == []


def test_a_body_may_say_what_the_token_says(api: Api) -> None:
    assert identify(api, **PROVEN, identityToken=a_token(**TOKEN), image="").body["contact"]["verified"] == [*PROVEN]


def test_a_token_that_is_null_is_none(api: Api) -> None:
    response = identify(api, email="jane@example.com", identityToken=None, metadata={"identityToken": None, "a": 1})

    assert response.body["contact"].items() >= {"verified": [], "metadata": {"a": 1}}.items()


def test_a_rotated_secret_s_tokens_prove_until_its_grace_period_ends(operate: Operate, database: Table) -> None:
    old = operate("rotate_identity_secret", websiteId=WEBSITE, mode="test")["secret"]
    new = operate("rotate_identity_secret", websiteId=WEBSITE, mode="test", gracePeriodSeconds=60)["secret"]
    fresh = api_over(database)
    assert identify(fresh, identityToken=a_token(old)).status == 200

    secrets = operate("get_website", websiteId=WEBSITE)["website"]["identitySecrets"]
    [unused] = [one["id"] for one in secrets if one["lastFour"] == old[-4:] and one["mode"] == "test"]
    operate("revoke_identity_secret", websiteId=WEBSITE, secretId=unused)

    assert identify(api_over(database), identityToken=a_token(old)).code == "INVALID_IDENTITY_TOKEN"
    assert identify(api_over(database), identityToken=a_token(new)).status == 200


def test_a_token_is_stored_nowhere_and_answered_to_nobody(api: Api, storage: Storage) -> None:
    token = a_token(**TOKEN)
    responses = [
        identify(api, identityToken=token, metadata={"plan": "pro", "identityToken": token}),
        patch(api, identityToken=token, seats=3),
        api(headers=visitor(), route=websites.GET),
        api(headers=private(), route=visitors.GET, visitorId=VISITOR),
    ]

    assert [response.status for response in responses] == [200] * 4
    assert contact(api)["metadata"] == {"plan": "pro", "seats": 3}
    seen = json.dumps([*storage.scan(), *(response.body for response in responses)])
    assert not [part for part in token.split(".")[1:] if part in seen]


# Metadata -----------------------------------------------------------------------------------------------------------


def test_metadata_are_merged_and_null_takes_a_name_away(api: Api) -> None:
    identify(api, email="jane@example.com", metadata={"plan": "pro", "seats": 3})

    patched = patch(api, seats=None, trial=True)

    assert patched.body["contact"]["metadata"] == {"plan": "pro", "trial": True}
    assert "idempotent-replayed" not in patched.headers
    assert patch(api, seats=None, trial=True).headers["idempotent-replayed"] == "true"
    assert patch(api, private(), plan=None, trial=None).body["contact"]["metadata"] is None


@pytest.mark.parametrize("headers", [visitor(), private()])
def test_metadata_need_a_contact(api: Api, storage: Storage, headers: dict[str, str]) -> None:
    api({}, visitor(), route=visitors.TELL, visitorId=VISITOR)

    response = patch(api, headers, plan="pro")

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["metadata"])
    assert rows(storage) == ["PAGE", "VISITOR"]
    assert patch(api, headers, plan="pro", identityToken=a_token()).body["contact"]["externalId"] == "user-1"


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": "x"}, {"metadata": {"": 1}}])
def test_wrong_metadata_are_refused(api: Api, body: dict[str, Any]) -> None:
    identify(api, email="jane@example.com")

    response = api(body, visitor(), route=contacts.PATCH_METADATA, visitorId=VISITOR)

    assert (response.status, response.paths) == (400, ["metadata"])


def test_the_limits_of_metadata_hold_for_the_result(api: Api) -> None:
    identify(api, email="jane@example.com", metadata={str(n): n for n in range(50)})

    assert patch(api, more=1).paths == ["metadata"]
    fewer: dict[str, Any] = {"0": None, "more": 1}
    assert patch(api, **fewer).status == 200
    assert patch(api, more="x" * 16_384).paths == ["metadata"]


def test_a_token_does_not_count_for_the_limits_of_metadata(api: Api) -> None:
    most: dict[str, Any] = {**{str(n): n for n in range(49)}, "more": "x" * 15_000}

    assert identify(api, metadata={**most, "identityToken": a_token(more="x" * 3_000)}).status == 200
    assert contact(api)["metadata"] == most


def test_the_hash_is_that_of_what_the_page_sent_last(api: Api) -> None:
    sent = {"plan": "pro", "identityToken": a_token(), "seats": 3.0}
    identify(api, metadata=sent)
    assert own(api)["metadataHash"] == metadata_hash(sent)

    server(api, externalId="user-1", metadata={"plan": "free"})
    assert own(api)["metadataHash"] == metadata_hash(sent)
    patch(api, plan=None)
    assert own(api)["metadataHash"] == metadata_hash({"plan": None})
    patch(api)
    assert own(api)["metadataHash"] == ""


# Finding --------------------------------------------------------------------------------------------------------------


def test_visitors_are_found_by_what_is_proven_or_claimed_the_last_seen_first(api: Api) -> None:
    server(api, **PROVEN)
    api({}, visitor(), route=visitors.TELL, visitorId=VISITOR)
    claimant = "01JDEM0V1S1T0R000000000002"
    for id_, email in ((OTHER_VISITOR, "JANE@example.com"), (claimant, " jane@Example.com\n")):
        identify(api, visitor(id_), email=email)
    api({}, visitor(OTHER_VISITOR), route=visitors.TELL, visitorId=OTHER_VISITOR)

    assert find(api, email="Jane@example.COM ") == [OTHER_VISITOR, VISITOR, claimant]
    assert find(api, externalId="user-1") == [VISITOR]
    assert find(api, externalId="USER-1") == find(api, email="joe@example.com") == []
    found = api(headers=private(), route=contacts.FIND, query={"externalId": "user-1"}).body["visitors"]
    assert found == [api(headers=private(), route=visitors.GET, visitorId=VISITOR).body]


def test_what_somebody_said_before_finds_them_no_more(api: Api, storage: Storage) -> None:
    identify(api, email="jane@example.com")
    identify(api, email="doe@example.com")
    identify(api, externalId="user-1", email="")

    assert find(api, email="jane@example.com") == find(api, email="doe@example.com") == []
    assert rows(storage) == ["CONTACT", "VISITOR"]


def test_no_flood_of_claims_hides_a_proof(api: Api) -> None:
    server(api, **PROVEN)
    for number in range(110):
        identify(api, visitor(f"01JDEM0V1S1T0R00000000{number:04}"), email=PROVEN["email"])

    found = find(api, email=PROVEN["email"])

    assert len(found) == 100
    assert VISITOR in found


def test_a_list_of_visitors_leaves_out_what_a_response_has_no_room_for(api: Api) -> None:
    """Each has 8 KB of quotes on its page, twice, of which each takes four bytes in a response of Lambda."""
    place = {"title": '"' * 4_000}
    for number in range(80):
        headers = visitor(f"01JDEM0V1S1T0R00000000{number:04}")
        identify(api, headers, email=PROVEN["email"], metadata={"a": '"' * 8_000})
        told = {"currentPage": place, "attribution": place}
        api(told, headers, route=visitors.PATCH, visitorId=headers["x-visitor-id"])

    response = api(headers=private(), route=contacts.FIND, query={"email": PROVEN["email"]})

    assert 0 < len(response.body["visitors"]) < 80
    assert len(json.dumps(json.dumps(response.body, ensure_ascii=False), ensure_ascii=False)) < 6_000_000


@pytest.mark.parametrize("query", [{}, {"externalId": ""}, {"externalId": "a", "email": "b"}, {"email": "x" * 321}])
def test_one_thing_is_asked_for(api: Api, query: dict[str, str]) -> None:
    response = api(headers=private(), route=contacts.FIND, query=query)

    assert (response.status, response.code) == (400, "VALIDATION_FAILED")
    assert api(headers=visitor(), route=contacts.FIND, query={"email": "a"}).code == "PRIVATE_KEY_REQUIRED"


# Blocked, and over the limit ------------------------------------------------------------------------------------------


def test_a_blocked_visitor_says_nothing_new(api: Api, storage: Storage) -> None:
    said: dict[str, Any] = {"email": "jane@example.com", "metadata": {"plan": "pro"}}
    identify(api, **said)
    api(headers=private(), route=visitors.BLOCK, visitorId=VISITOR)
    before = storage.scan()

    for refused in (
        identify(api, email="doe@example.com"),
        identify(api, email="jane@example.com", metadata={"plan": "free"}),
        patch(api, identityToken=a_token()),
    ):
        assert (refused.status, refused.code) == (409, "VISITOR_BLOCKED")
    assert identify(api, **said).headers["idempotent-replayed"] == "true"
    assert storage.scan() == before
    assert patch(api, plan="free").status == 200
    assert server(api, externalId="user-1").status == 200
    assert contact(api).items() >= {"externalId": "user-1", "metadata": {"plan": "free"}}.items()


def test_nobody_says_who_a_visitor_is_while_all_of_them_is_erased(api: Api, storage: Storage) -> None:
    api(headers=private(), route=visitors.BLOCK, visitorId=VISITOR)
    storage.change((OF_VISITOR, "GATE"), erasing=True)

    assert server(api, externalId="user-1").code == "VISITOR_BLOCKED"
    assert rows(storage) == ["GATE"]


def test_identify_has_a_limit_of_its_own_and_metadata_that_of_a_page(database: Table) -> None:
    api = api_over(database, rate_limit=1)
    assert api(a_body(), public()).status == 200
    assert identify(api, email="jane@example.com").status == 200
    assert identify(api, email="doe@example.com").code == "RATE_LIMITED"

    patched = [patch(api, seats=number) for number in range(12)]

    assert {response.status for response in patched} == {200}
    assert contact(api) == {**contact(api), "email": "jane@example.com", "metadata": {"seats": 9}}


# Kept as long as the visitor ------------------------------------------------------------------------------------------

DAY = 86_400


class Days:
    """The API where visitors are kept for three days, at a time of its own."""

    def __init__(self, database: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = api_over(database, settings=replace(SETTINGS, retention_days={"live": 0, "test": 3}))
        self.now = 1_800_000_000
        monkeypatch.setattr("time.time", lambda: self.now)
        monkeypatch.setattr("support.values.timestamps.now", lambda: timestamps.from_epoch(self.now))


@pytest.fixture
def days(database: Table, monkeypatch: pytest.MonkeyPatch) -> Days:
    return Days(database, monkeypatch)


@pytest.mark.parametrize("told", [visitors.TELL, visitors.PATCH, contacts.IDENTIFY])
def test_what_a_page_tells_keeps_all_of_a_contact(days: Days, told: Any) -> None:
    said: dict[str, Any] = {"email": "jane@example.com", "metadata": {"plan": "pro"}}
    identify(days.api, **said)
    for _ in range(5):
        days.now += 2 * DAY
        assert contact(days.api)["metadata"] == {"plan": "pro"}
        assert find(days.api, email="jane@example.com") == [VISITOR]
        parameters = {} if told is contacts.IDENTIFY else {"visitorId": VISITOR}
        # At the end of a day that began with another call.
        for body in ({}, {}) if parameters else (said, said):
            days.now += DAY // 4
            assert days.api(body, visitor(), route=told, **parameters).status == 200


def test_what_has_expired_is_nobody_s_any_more(days: Days, storage: Storage) -> None:
    first = server(days.api, **PROVEN, metadata={"plan": "pro"}).body["contact"]
    days.now += 3 * DAY + 60

    assert own(days.api) is None
    assert find(days.api, externalId="user-1") == []
    again = identify(days.api, externalId="user-1", email=PROVEN["email"]).body["contact"]
    assert again.items() >= {"name": None, "metadata": None, "verified": []}.items()
    assert again["id"] != first["id"]
    assert find(days.api, email=PROVEN["email"]) == [VISITOR]
    # What found the earlier contact leads to what is proven of this one: nothing.
    assert len(storage.scan("CONTACT#")) == 4


def test_metadata_that_are_read_between_the_writes_of_other_tabs_lose_nothing(
    database: Table, storage: Storage
) -> None:
    """DynamoDB reads the rows of a batch one by one: the row of the metadata may be older than the visitor's."""
    api, other, read = api_over(database), api_over(storage.table()), database.get_many
    tabs = iter(["b", "c", "d"])

    def torn(keys: Iterable[Key], *arguments: Any, **named: Any) -> list[Item]:
        wanted = list(keys)
        older = [row for row in read(wanted, *arguments, **named) if row["SK"] == METADATA_SK]
        for tab in tabs:
            said = {"email": "jane@example.com", "metadata": {tab: 1}}
            assert other(said, visitor(), route=contacts.IDENTIFY).status == 200
            break
        else:
            return read(wanted, *arguments, **named)
        return [*(row for row in read(wanted, *arguments, **named) if row["SK"] != METADATA_SK), *older]

    first = {"email": "jane@example.com", "metadata": {"a": 1}}
    assert api(first, visitor(), route=contacts.IDENTIFY).status == 200
    database.get_many = torn  # type: ignore[method-assign]

    said = {"email": "jane@example.com", "metadata": {"e": 1}}
    response = api(said, visitor(), route=contacts.IDENTIFY)

    assert response.body["contact"]["metadata"] == dict.fromkeys("abcde", 1)
