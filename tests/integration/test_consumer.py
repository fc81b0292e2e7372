"""docs/events.md: its consumer is told of a message, reads the timeline, and answers once."""

import io
import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from api.routes import ROUTES, messages, timelines

from local import ROOT
from tests.builders import PRIVATE_KEY, WEBSITE, a_body, a_message, public
from tests.calls import visitor
from tests.client import Api

Consumer = Callable[[dict[str, Any]], None]


@pytest.fixture
def consumer(api: Api, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """The consumer of the page, whose requests reach the API."""

    def urlopen(request: urllib.request.Request, timeout: float) -> io.BytesIO:  # noqa: ARG001 (as it is called)
        url = urlsplit(request.full_url)
        for route in ROUTES:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
            if route.method == request.method and (match := re.fullmatch(pattern, url.path)):
                body = None if request.data is None else json.loads(request.data)  # type: ignore[arg-type]  # bytes
                headers = {name.lower(): value for name, value in request.header_items()}
                query = dict(parse_qsl(url.query))
                answer = api(body, headers, route=route, query=query, **match.groupdict())
                assert answer.status == 200, answer.body
                return io.BytesIO(json.dumps(answer.body).encode())
        raise AssertionError(url.path)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    monkeypatch.setenv("API", "https://api.example.com")
    monkeypatch.setenv("KEY", PRIVATE_KEY)
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return lambda detail: namespace["handler"]({"detail": detail}, None)


def told_of(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "conversationId": "told", "websiteId": WEBSITE, "mode": "test", "author": "visitor"}


def texts(api: Api) -> list[str]:
    return [item["text"] for item in api(route=timelines.GET, conversationId="told").body["items"]]


def test_it_answers_once_however_often_it_is_told(api: Api, consumer: Consumer) -> None:
    api(a_body(conversationId="told", defaultTimelineItems=[a_message("Hello", id="m1", visitorId="me")]), public())

    for _ in range(2):
        consumer(told_of("m1"))

    assert texts(api) == ["Hello", "You wrote: Hello"]


def test_it_leaves_what_somebody_has_answered(api: Api, consumer: Consumer) -> None:
    api(a_body(conversationId="told", defaultTimelineItems=[a_message("Hello", id="m1", visitorId="me")]), public())
    api({"conversationId": "told", "item": a_message("Anybody?", id="m2")}, visitor(), route=messages.SEND)

    consumer(told_of("m1"))
    consumer(told_of("m2"))

    assert texts(api) == ["Hello", "Anybody?", "You wrote: Anybody?"]
