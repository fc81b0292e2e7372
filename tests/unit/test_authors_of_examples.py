"""Every example of a timeline item, wherever it is shown, has an author: it is there to be copied."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from api.routes import all_routes
from openapi.text import TEXTS

from local import ROOT, run
from tests.builders import EVENTS, private

#: Where an example is shown, the headers that it is sent with, and its body.
Example = tuple[str, Mapping[str, str], dict[str, Any]]

PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def of_commands(where: str, text: str) -> Iterator[Example]:
    """Read the bodies that curl sends."""
    for command in text.split("curl ")[1:]:
        headers = {name.lower(): value for name, value in re.findall(r"""-H ["']([\w-]+): ([^"']*)["']""", command)}
        for body in re.findall(r"-d '(.*?)'", command, re.DOTALL):
            yield where, headers, json.loads(body)


def of_the_document() -> Iterator[Example]:
    for route in all_routes():
        for name, body in TEXTS[route.id].requests.items():
            yield f"{route.id}: {name}", private(), body


def of_the_sample_events() -> Iterator[Example]:
    for path in EVENTS.glob("*.json"):
        event = json.loads(path.read_text())
        try:
            body = json.loads(event.get("body", "{}"))
        except ValueError:  # samples of what is refused
            continue
        yield path.name, event["headers"], body


def items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*body.get("defaultTimelineItems", []), *([body["item"]] if "item" in body else [])]


def has_author(item: Mapping[str, Any], body: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    is_added = "item" in body
    return any(item.get(name) for name in ("visitorId", "userId", "aiAgentId")) or (
        is_added and ("x-public-key" in headers or "x-actor-user-id" in headers)
    )


def nobodys(examples: Iterator[Example]) -> list[str]:
    """Return where an item without an author is shown, of at least one that is shown."""
    shown = [(where, has_author(item, body, headers)) for where, headers, body in examples for item in items(body)]
    assert shown
    return [where for where, is_somebodys in shown if not is_somebodys]


def test_every_item_that_a_page_sends_has_an_author() -> None:
    assert nobodys(example for page in PAGES for example in of_commands(page.name, page.read_text())) == []


def test_every_item_of_the_openapi_document_s_examples_has_an_author() -> None:
    assert nobodys(of_the_document()) == []


def test_every_item_of_the_sample_events_has_an_author() -> None:
    assert nobodys(of_the_sample_events()) == []


def test_the_item_that_make_run_proposes_to_send_has_an_author(capsys: pytest.CaptureFixture[str]) -> None:
    run.greet(3000, "http://127.0.0.1:8000", "http://127.0.0.1:8333")

    assert nobodys(of_commands("make run", capsys.readouterr().out)) == []
