"""The page and the document, as anybody gets them."""

import gzip
import importlib
import json
import re

import pytest

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


def test_under_a_base_path_the_document_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_PATH", "/support")
    handler = importlib.import_module("docs.handler").handler

    event = an_event()
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/support/v1/openapi.json"
    event["requestContext"]["http"]["method"] = "GET"
    answer = handler(event, Context())

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {**DOCUMENT, "servers": [{"url": "/support"}]}
