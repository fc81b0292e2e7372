"""The page and the document, as anybody gets them."""

import base64
import gzip
import json
import re
from importlib.resources import files
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.openapi import swagger_ui
from openapi.handler import handler

from local import ROOT
from tests.builders import PRIVATE_KEY, PUBLIC_KEY, Context, an_event
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

    keys = json.loads(re.findall(r"const demoKeys = (.*);", body.decode())[0])
    assert keys == {"privateKey": PRIVATE_KEY, "publicKey": PUBLIC_KEY}
    assert keys.keys() == DOCUMENT["components"]["securitySchemes"].keys()


def test_any_other_page_has_no_keys() -> None:
    response = handler(_get("/v1/docs"), Context())

    page = (
        gzip.decompress(base64.b64decode(response["body"])).decode()
        if response["isBase64Encoded"]
        else response["body"]
    )
    assert "const demoKeys = {};" in page
    assert not re.findall(r"[sp]k_(test|live)_[0-9a-f]", page)
    assert "DEMO_KEYS" not in (ROOT / "template.yaml").read_text()


@pytest.mark.parametrize("own", ["docs.css", "docs.js"])
def test_what_the_page_changes_of_swagger_ui_is_there(own: str) -> None:
    ours = re.sub(r"(?s)/\*.*?\*/", "", files("openapi").joinpath(own).read_text())
    names = set(re.findall(r"\.([a-z][\w-]+)(?=[^;{}]*\{)|\b(parameterRow|preauthorizeApiKey|wrapComponents)\b", ours))

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


def _get(path: str) -> dict[str, Any]:
    event = an_event()
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = "GET"
    return event
