"""The page and the document, as anybody gets them."""

import asyncio
import base64
import gzip
import json
import re
from importlib.resources import files
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import all_routes, inbox, status, timelines
from api.routes import visitors as visitor_routes
from aws_lambda_powertools.event_handler.openapi import swagger_ui
from openapi.handler import handler

from local import ROOT, conversations
from local.run import FILLED_IN
from tests.builders import PRIVATE_KEY, PUBLIC_KEY, Context, an_event, private
from tests.client import Api
from tests.contract.conftest import Server
from tests.document import DOCUMENT


def test_the_document_is_served_without_a_key(server: Server) -> None:
    status, headers, body = server.send("GET", "/v1/openapi.json")

    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == DOCUMENT


def test_the_page_is_served_without_a_key(server: Server) -> None:
    status, headers, body = server.send("GET", "/v1/docs", headers={"accept-encoding": "gzip"})

    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-encoding"] == "gzip"
    assert b'url: "openapi.json"' in gzip.decompress(body)


def test_the_page_loads_nothing_from_elsewhere(server: Server) -> None:
    _, headers, body = server.send("GET", "/v1/docs")

    markup = re.sub(r"(?s)<(script|style)>.*?</\1>", "", body.decode())
    assert re.findall(r'(?:src|href)="([^"]*)"', markup) == ["data:,"]
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"


def test_the_page_of_make_run_has_the_demo_keys_filled_in(server: Server) -> None:
    _, _, body = server.send("GET", "/v1/docs")

    filled_in = json.loads(re.findall(r"const filledIn = (.*);", body.decode())[0])
    assert filled_in == FILLED_IN
    assert filled_in["keys"] == {"privateKey": PRIVATE_KEY, "publicKey": PUBLIC_KEY}
    assert filled_in["keys"].keys() == DOCUMENT["components"]["securitySchemes"].keys()


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.id)
def test_the_first_execute_on_the_page_of_make_run_succeeds(api: Api, route: AnyRoute) -> None:
    open_demo_conversations(api)
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    values = {**FILLED_IN["parameters"], **FILLED_IN["parametersOf"].get(route.id, {})}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = next((example["value"] for example in content.get("examples", {}).values()), None)
    places: dict[str, dict[str, str]] = {"header": {}, "path": {}, "query": {}}
    for parameter in operation["parameters"]:
        if (name := parameter["name"]) in values:
            places[parameter["in"]][name.lower() if parameter["in"] == "header" else name] = values[name]

    response = api(body, {**private(), **places["header"]}, route=route, query=places["query"], **places["path"])

    assert response.status == int(next(iter(operation["responses"])))


def test_demo_conversations_are_opened_once_and_stay_as_people_leave_them(api: Api) -> None:
    def shown() -> dict[str, str]:
        return {entry["id"]: entry["status"] for entry in api(route=inbox.LIST).body["items"]}

    open_demo_conversations(api)
    first = shown()
    api(headers={**private(), "x-actor-user-id": "joe"}, route=status.REOPEN, conversationId=conversations.RESOLVED)
    api(headers={**private(), "x-actor-user-id": "joe"}, route=status.SPAM, conversationId=conversations.EXAMPLE)
    open_demo_conversations(api)

    assert first[conversations.RESOLVED] == "resolved"
    assert shown() == {**first, conversations.RESOLVED: "open", conversations.EXAMPLE: "spam"}
    timeline = api(route=timelines.GET, conversationId=conversations.EXAMPLE).body["items"]
    assert sorted(item["id"] for item in timeline if item["type"] == "message") == ["first-message", "note"]


def test_demo_visitors_have_names_some_of_them_proven(api: Api) -> None:
    open_demo_conversations(api)

    visitors = {entry["id"]: entry["visitor"]["contact"] for entry in api(route=inbox.LIST).body["items"]}
    assert all(contact["name"] for contact in visitors.values())
    assert visitors[conversations.EXAMPLE]["verified"] == ["externalId", "email", "name"]
    assert visitors[conversations.RESOLVED]["verified"] == []
    visitor = api(route=visitor_routes.GET, visitorId=conversations.VISITOR).body
    assert visitor["currentPage"]["title"] == "Your orders"
    assert visitor["lastSeenAt"]


def test_any_other_page_has_nothing_filled_in() -> None:
    response = handler(_get("/v1/docs"), Context())

    page = (
        gzip.decompress(base64.b64decode(response["body"])).decode()
        if response["isBase64Encoded"]
        else response["body"]
    )
    assert "const filledIn = {};" in page
    assert not re.findall(r"[sp]k_(test|live)_[0-9a-f]", page)
    assert "DOCS_FILLED_IN" not in (ROOT / "template.yaml").read_text()


@pytest.mark.parametrize("own", ["docs.css", "docs.js"])
def test_what_the_page_changes_of_swagger_ui_is_there(own: str) -> None:
    ours = re.sub(r"(?s)/\*.*?\*/", "", files("openapi").joinpath(own).read_text())
    own_names = "parameterRow|preauthorizeApiKey|statePlugins|updateJsonSpec|wrapActions|wrapComponents"
    names = set(re.findall(rf"\.([a-z][\w-]+)(?=[^;{{}}]*\{{)|\b({own_names})\b", ours))

    theirs = "".join(path.read_text() for path in files(swagger_ui).iterdir() if path.name.endswith((".css", ".js")))
    wanted = {name for pair in names for name in pair if name}
    assert len(wanted) >= 3
    assert {name for name in wanted if not re.search(rf"(?<![\w-]){name}(?![\w-])", theirs)} == set()


@pytest.mark.parametrize("path", ["/v1/docs", "/v1/openapi.json"])
def test_they_are_read_only(server: Server, path: str) -> None:
    assert server.send("POST", path)[0] == 404


def test_the_document_says_where_the_api_is() -> None:
    # As it is under a custom domain's base path.
    response = handler(_get("/support/v1/openapi.json"), Context())

    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {**DOCUMENT, "servers": [{"url": "/support"}]}


def open_demo_conversations(api: Api) -> None:
    """Open the conversations that `make run` has from its start."""

    async def call(event: dict[str, Any]) -> dict[str, Any]:
        response = api(event=event)
        assert response.status == 200, response
        return {"statusCode": response.status, "headers": response.headers}

    asyncio.run(conversations.open_conversations(call))


def _get(path: str) -> dict[str, Any]:
    event = an_event()
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = "GET"
    return event
