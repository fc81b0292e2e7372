"""The page and the document, as anybody gets them."""

import gzip
import json
import re

import pytest
from openapi.handler import handler

from tests.builders import Context, an_event
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


@pytest.mark.parametrize("path", ["/v1/docs", "/v1/openapi.json"])
def test_they_are_read_only(server: Server, path: str) -> None:
    assert server.send("POST", path)[0] == 404


def test_the_document_says_where_the_api_is() -> None:
    # As it is under a custom domain's base path.
    event = an_event()
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/support/v1/openapi.json"
    event["requestContext"]["http"]["method"] = "GET"
    answer = handler(event, Context())  # type: ignore[arg-type]

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {**DOCUMENT, "servers": [{"url": "/support"}]}
