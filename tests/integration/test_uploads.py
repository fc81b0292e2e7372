"""Getting an address to upload a file to, and messages that name files."""

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from api.routes import uploads, visitors
from api.routes.conversations import CREATE
from support.dynamodb.items import Item
from support.values.file import MAX_FILE_BYTES, FilePlace
from support.values.timestamps import DAY_SECONDS, to_epoch

from tests.builders import (
    LIVE_PRIVATE_KEY,
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    SETTINGS,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
)
from tests.calls import ID, change, open_one, remove, send, timeline, visitor
from tests.client import Api, Response, api_over
from tests.operators import hooked
from tests.stored import Storage

SCOPE = {"type": "conversation", "organizationId": ORGANIZATION, "websiteId": WEBSITE, "conversationId": ID}


def sign(api: Api, headers: dict[str, str] | None = None, /, **fields: Any) -> Response:
    """Ask for an address for a screenshot of the visitor's, in the conversation of the tests."""
    scope = SCOPE | fields.pop("scope", {})
    body = {"contentType": "image/png", "websiteId": WEBSITE, "scope": scope, **fields}
    return api(body, visitor() if headers is None else headers, route=uploads.SIGN)


def an_image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image", "url": url, "mediaType": "image/png", **fields}


def place(response: Response) -> FilePlace:
    found = FilePlace.of_url(response.body["publicUrl"])
    assert found is not None
    return found


def block(api: Api) -> None:
    assert api(None, private(), route=visitors.BLOCK, visitorId=VISITOR).status == 200


def row(storage: Storage, file: FilePlace) -> Item:
    """Return the row of a file."""
    [found] = [item for item in storage.scan() if (item["PK"], item["SK"]) == file.key]
    return found


# Getting an address ---------------------------------------------------------------------------------------------------


def test_a_file_gets_an_address_before_its_conversation_exists(api: Api) -> None:
    response = sign(api, fileName="Screen shot.png")

    assert response.status == 200
    file = response.body
    assert file["bucket"] == SETTINGS.files_bucket
    assert re.fullmatch(rf"uploads/{WEBSITE}/test/{ID}/[0-7][0-9A-Z]{{25}}", file["key"])
    assert re.match(rf"https://files\.s3\.[a-z0-9-]+\.amazonaws\.com/{file['key']}\?", file["uploadUrl"])
    assert "X-Amz-SignedHeaders=content-type%3Bhost" in file["uploadUrl"]
    assert "X-Amz-Expires=900" in file["uploadUrl"]
    assert 890 < to_epoch(file["expiresAt"]) - time.time() <= 900
    assert file["contentType"] == "image/png"
    assert file["publicUrl"] == "https://api.example.com" + file["key"].replace("uploads", "/v1/files", 1)


def test_the_address_lives_as_long_as_was_asked_for(api: Api) -> None:
    assert "X-Amz-Expires=3600" in sign(api, expiresInSeconds=3600).body["uploadUrl"]


def test_the_public_address_is_that_of_the_host_that_is_set(storage: Storage) -> None:
    api = api_over(storage.table(), settings=replace(SETTINGS, public_url="https://a.example/s"))

    assert sign(api).body["publicUrl"].startswith("https://a.example/s/v1/files/")


def test_no_two_files_share_an_address(api: Api) -> None:
    assert sign(api, fileName="a.png").body["publicUrl"] != sign(api, fileName="a.png").body["publicUrl"]


@pytest.mark.parametrize("headers", [visitor(), private()])
def test_what_clients_send_besides_is_ignored(api: Api, headers: dict[str, str]) -> None:
    open_one(api)

    assert sign(api, headers, useCdn=False, path="../x", fileExtension="png", fileName=None).status == 200


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"contentType": "image/svg+xml"}, ["contentType"]),
        ({"contentType": "text/html"}, ["contentType"]),
        ({"contentType": "image/png; charset=utf-8"}, ["contentType"]),
        ({"websiteId": OTHER_WEBSITE}, ["websiteId"]),
        ({"scope": {"websiteId": OTHER_WEBSITE}}, ["scope.websiteId"]),
        ({"scope": {"organizationId": "other"}}, ["scope.organizationId"]),
        ({"scope": {"type": "website"}}, ["scope.type"]),
        ({"scope": {"conversationId": "../../x"}}, ["scope.conversationId"]),
        ({"scope": {"conversationId": "c#GATE"}}, ["scope.conversationId"]),
        ({"scope": {"conversationId": "c\n"}}, ["scope.conversationId"]),
        ({"scope": {"conversationId": "c%2Fd"}}, ["scope.conversationId"]),
        ({"scope": {"conversationId": "\N{FULLWIDTH LATIN SMALL LETTER C}"}}, ["scope.conversationId"]),
        ({"scope": {"conversationId": "\N{ARABIC-INDIC DIGIT ONE}"}}, ["scope.conversationId"]),
        ({"scope": {"conversationId": ""}}, ["scope.conversationId"]),
        ({"websiteId": WEBSITE.lower()}, ["websiteId"]),
        ({"expiresInSeconds": 59}, ["expiresInSeconds"]),
        ({"expiresInSeconds": 3601}, ["expiresInSeconds"]),
        ({"expiresInSeconds": "900"}, ["expiresInSeconds"]),
        ({"fileName": 1}, ["fileName"]),
    ],
)
def test_a_wrong_request_is_told_what_to_change(api: Api, fields: dict[str, Any], paths: list[str]) -> None:
    response = sign(api, **fields)

    assert (response.status, response.paths) == (400, paths)


def test_another_visitors_conversation_is_not_found(api: Api) -> None:
    open_one(api, a_message())

    assert sign(api, visitor(OTHER_VISITOR)).code == "HTTP_404"


def test_a_blocked_visitor_gets_no_address_and_the_company_does(api: Api) -> None:
    block(api)

    assert sign(api).code == "VISITOR_BLOCKED"
    assert sign(api, private()).status == 200


def test_it_takes_two_calls(storage: Storage) -> None:
    table = storage.table()
    api = api_over(table)
    sign(api)

    sign(api)

    assert table.usage.calls == 2


def test_a_file_waits_a_day_for_its_message(api: Api, storage: Storage) -> None:
    file = row(storage, place(sign(api)))

    assert DAY_SECONDS - 60 < int(str(file["ttl"])) - time.time() <= DAY_SECONDS


# Naming a file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "file"])
def test_a_message_keeps_the_file_that_it_names(api: Api, storage: Storage, kind: str) -> None:
    open_one(api)
    file = sign(api)

    assert send(api, visitor(), parts=[an_image(file.body["publicUrl"], type=kind)]).status == 200

    assert "ttl" not in row(storage, place(file))


def test_an_opening_keeps_the_files_that_it_names(api: Api, storage: Storage) -> None:
    files = [sign(api), sign(api, contentType="application/pdf")]
    parts = [an_image(one.body["publicUrl"]) for one in files]

    assert api(a_body(conversationId=ID, defaultTimelineItems=[a_message(parts=parts)])).status == 200

    assert all("ttl" not in row(storage, place(one)) for one in files)


def test_a_file_is_kept_as_long_as_its_message(storage: Storage) -> None:
    api = api_over(storage.table(), settings=replace(SETTINGS, retention_days={"test": 30}))
    open_one(api)
    file = sign(api)

    message = send(api, visitor(), id="m", parts=[an_image(file.body["publicUrl"])])

    assert message.status == 200
    [item] = [one for one in storage.scan("CONVERSATION#") if one["SK"] == "ITEM#m"]
    assert row(storage, place(file))["ttl"] == item["ttl"]


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/v1/files/{website}/test/{id}/{file}",
        "http://127.0.0.1:3000/v1/files/{website}/test/{id}/{file}?x#y",
        "HTTPS://api.example.com/support/v1/files/{website}/test/{id}/{file}",
        " https://api.example.com/v1/%66iles/{website}/test/{id}/{file}\n",
    ],
)
def test_a_file_is_known_by_every_address_that_leads_to_it(api: Api, storage: Storage, url: str) -> None:
    open_one(api)
    file = place(sign(api))

    send(api, visitor(), parts=[an_image(url.format(website=WEBSITE, id=ID, file=file.id))])

    assert "ttl" not in row(storage, file)


def test_a_file_of_another_conversation_is_refused_and_nothing_is_written(api: Api) -> None:
    open_one(api, id_="other")
    open_one(api)
    url = sign(api, scope={"conversationId": "other"}).body["publicUrl"]

    for response in (
        send(api, visitor(), parts=[{"type": "text", "text": "x"}, an_image(url)]),
        send(api, parts=[{"type": "text", "text": "x"}, an_image(url)]),
    ):
        assert (response.status, response.paths) == (400, ["item.parts.1.url"])
    assert timeline(api) == []


@pytest.mark.parametrize(
    "url",
    [
        f"https://api.example.com/v1/files/{OTHER_WEBSITE}/test/{ID}/5Q2G9ZB1N4XK7C0W8YH3TD6RVE",
        f"https://api.example.com/v1/files/{WEBSITE}/live/{ID}/5Q2G9ZB1N4XK7C0W8YH3TD6RVE",
        f"https://api.example.com/v1/files/{WEBSITE}/test/other/5Q2G9ZB1N4XK7C0W8YH3TD6RVE",
    ],
)
def test_an_opening_with_a_file_of_another_tenant_mode_or_conversation_is_refused(api: Api, url: str) -> None:
    response = api(a_body(conversationId=ID, defaultTimelineItems=[a_message(), a_message(parts=[an_image(url)])]))

    assert (response.status, response.paths) == (400, ["defaultTimelineItems.1.parts.0.url"])


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("https://api.example.com/v1/files/{website}/test/other/{file}", True),
        ("https://api.example.com/v1/files/{website}/test/%6fther/{file}", True),
        ("https://api.example.com%2Fv1%2Ffiles%2F{website}%2Ftest%2Fother%2F{file}", True),
        ("https://api.example.com/v1/files/{website}/test/other/{file}#/test/{id}/{file}", True),
        ("https://api.example.com/v1/files/{website}/test/other/{file}?/v1/files/{website}/test/{id}/{file}", True),
        ("https://{id}@api.example.com/v1/files/{website}/test/other/{file}", True),
        ("https://api.example.com/v1/files/{website}/test/{id}/../other/{file}", False),
        ("https://api.example.com/v1/files/{website}/test/{id}/%2e%2e/other/{file}", False),
        ("https://api.example.com/v1/files/{website}/test/{id}%23/../other/{file}", False),
        ("https://api.example.com/v1/files/{website}/test//other/{file}", False),
        ("https://api.example.com/v1\\files\\{website}\\test\\other\\{file}", False),
        ("https://api.example.com/v1/files/{website}/test/%256fther/{file}", False),
        ("https://api.example.com/V1/Files/{website}/TEST/other/{file}", False),
        ("https://api.example.com/v1/files/{website}/test/OTHER/{file}", True),
        ("https://api.example.com/v1/files/{website}/test/o\N{CYRILLIC SMALL LETTER TE}her/{file}", False),
        ("https://api.example.com/v1/files/{website}/test/other/{file}%00", False),
    ],
)
@pytest.mark.parametrize("opens", [True, False])
def test_however_an_address_is_written_it_reaches_no_file_of_another_conversation(
    api: Api, storage: Storage, url: str, *, is_refused: bool, opens: bool
) -> None:
    open_one(api, id_="other")
    theirs = place(sign(api, scope={"conversationId": "other"}))
    before = row(storage, theirs)
    parts = [an_image(url.format(website=WEBSITE, id=ID, file=theirs.id))]

    if opens:
        response = api(a_body(conversationId=ID, defaultTimelineItems=[a_message(id="m", parts=parts)]))
    else:
        open_one(api)
        response = send(api, visitor(), id="m", parts=parts)
    if not is_refused:
        remove(api, "m")

    assert response.status == (400 if is_refused else 200)
    assert row(storage, theirs) == before


@pytest.mark.parametrize("opens", [True, False])
def test_whether_a_file_is_there_is_not_asked(api: Api, storage: Storage, *, opens: bool) -> None:
    gone, there = place(sign(api)), place(sign(api))
    storage.delete(gone.key)
    parts = [an_image("https://api.example.com" + one.web_path) for one in (gone, there)]

    if opens:
        response = api(a_body(conversationId=ID, defaultTimelineItems=[a_message(parts=parts)]))
    else:
        open_one(api)
        response = send(api, visitor(), parts=parts)

    assert response.status == 200
    assert gone.key not in [(one["PK"], one["SK"]) for one in storage.scan()]
    assert "ttl" not in row(storage, there)


def test_addresses_that_are_no_file_of_ours_are_taken_as_they_are(api: Api) -> None:
    open_one(api)
    parts = [an_image(url) for url in ("https://cdn.example/a.png", "data:image/png;base64,AA", "/v1/files/x")]

    assert send(api, visitor(), parts=parts).status == 200


def test_more_items_and_files_than_a_transaction_takes_are_refused(api: Api) -> None:
    urls = [f"https://api.example.com/v1/files/{WEBSITE}/test/{ID}/{n:026d}" for n in range(99)]
    open_one(api)

    most = send(api, visitor(), parts=[an_image(url) for url in urls[:98]])
    more = send(api, visitor(), parts=[an_image(url) for url in urls])

    assert most.status == 200
    assert (more.status, more.paths) == (400, ["item"])


@pytest.mark.parametrize("keys", [visitor, private])
def test_a_blocked_visitor_opens_nothing_with_the_most_files(api: Api, keys: Any) -> None:
    block(api)
    urls = [f"https://api.example.com/v1/files/{WEBSITE}/test/{ID}/{n:026d}" for n in range(98)]
    body = a_body(conversationId=ID, defaultTimelineItems=[a_message(parts=[an_image(url) for url in urls])])

    assert api(body, keys(), route=CREATE).code == ("VISITOR_BLOCKED" if keys is visitor else None)


def test_a_message_that_is_refused_changes_no_file(api: Api, storage: Storage) -> None:
    open_one(api)
    file = place(sign(api))
    before = row(storage, file)
    change(api, "resolve")

    response = send(api, visitor(), parts=[an_image("https://api.example.com" + file.web_path)])

    assert response.code == "CONVERSATION_CLOSED"
    assert row(storage, file) == before


def test_of_two_messages_that_name_a_file_at_once_both_keep_it(storage: Storage) -> None:
    settings = replace(SETTINGS, retention_days={"live": 0, "test": 30})
    other = api_over(storage.table(), settings=settings)
    open_one(other)
    file = place(sign(other))
    parts = [an_image("https://api.example.com" + file.web_path)]
    api = api_over(hooked(storage.table(), {1: lambda: send(other, visitor(), id="n", parts=parts)}), settings=settings)

    assert send(api, visitor(), id="m", parts=parts).status == 200

    items = [item for item in storage.scan("CONVERSATION#") if item["SK"] in {"ITEM#m", "ITEM#n"}]
    assert len(items) == 2
    assert row(storage, file)["ttl"] == max(int(str(item["ttl"])) for item in items)


def test_a_message_that_names_a_file_while_it_is_removed_is_sent_without_it(storage: Storage) -> None:
    other = api_over(storage.table())
    open_one(other)
    file = place(sign(other))
    parts = [an_image("https://api.example.com" + file.web_path)]
    send(other, visitor(), id="m", parts=parts)
    api = api_over(hooked(storage.table(), {1: lambda: remove(other, "m")}))

    assert send(api, visitor(), id="n", parts=parts).status == 200

    assert "deletedAt" in row(storage, file)


def test_a_file_that_is_named_while_its_message_is_removed_is_gone(storage: Storage) -> None:
    other = api_over(storage.table())
    open_one(other)
    file = place(sign(other))
    parts = [an_image("https://api.example.com" + file.web_path)]
    send(other, visitor(), id="m", parts=parts)
    api = api_over(hooked(storage.table(), {1: lambda: send(other, visitor(), id="n", parts=parts)}))

    assert remove(api, "m").status == 200

    assert [item["id"] for item in timeline(other)] == ["n"]
    assert "deletedAt" in row(storage, file)


# Removing -------------------------------------------------------------------------------------------------------------


def test_a_file_is_gone_with_the_message_that_named_it(api: Api, storage: Storage) -> None:
    open_one(api)
    removed, other = place(sign(api)), place(sign(api))
    for id_, one in (("m", removed), ("n", other)):
        send(api, visitor(), id=id_, parts=[an_image("https://api.example.com" + one.web_path)])

    assert remove(api, "m").status == 200

    assert "deletedAt" in row(storage, removed)
    assert int(str(row(storage, removed)["ttl"])) <= time.time()
    assert "name" not in row(storage, removed)
    assert "deletedAt" not in row(storage, other)


def test_a_message_does_not_bring_back_a_file_that_was_removed(api: Api, storage: Storage) -> None:
    """Otherwise its row would stay for ever, and lead to nothing."""
    open_one(api)
    file, other = place(sign(api)), place(sign(api))
    send(api, visitor(), id="m", parts=[an_image("https://api.example.com" + file.web_path)])
    remove(api, "m")
    gone = row(storage, file)

    parts = [an_image("https://api.example.com" + one.web_path) for one in (file, other)]
    assert send(api, visitor(), id="n", parts=parts).status == 200

    assert row(storage, file) == gone
    assert "ttl" not in row(storage, other)


def test_a_removal_reaches_no_file_of_another_conversation(api: Api, storage: Storage) -> None:
    """Also if an item names one: it was written before such items were refused."""
    open_one(api, id_="other")
    open_one(api)
    theirs, own = place(sign(api, scope={"conversationId": "other"})), place(sign(api))
    send(api, visitor(), id="m", parts=[an_image("https://api.example.com" + own.web_path)])
    [item] = [one for one in storage.scan("CONVERSATION#") if one["SK"] == "ITEM#m"]
    key = (str(item["PK"]), "ITEM#m")
    storage.change(key, content=str(item["content"]).replace(own.web_path, theirs.web_path))

    assert remove(api, "m").status == 200

    assert "deletedAt" not in row(storage, theirs)


def test_a_message_goes_without_its_file_if_that_is_gone(api: Api, storage: Storage) -> None:
    open_one(api)
    file = place(sign(api))
    send(api, visitor(), id="m", parts=[an_image("https://api.example.com" + file.web_path)])
    storage.delete(file.key)

    assert remove(api, "m").status == 200


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY])
def test_a_key_signs_for_its_own_website_and_mode_alone(api: Api, key: str) -> None:
    response = sign(api, private(key))

    if key == LIVE_PRIVATE_KEY:
        assert response.body["key"].split("/")[2] == "live"
    else:
        assert response.status == 400


def test_the_limit_of_size_is_five_megabytes() -> None:
    assert MAX_FILE_BYTES == 5_242_880
