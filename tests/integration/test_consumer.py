"""docs/events.md: its consumer is told of a message, reads the timeline, and answers once."""

import io
import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from api.routes import all_routes, messages, timelines

from local import ROOT
from tests.builders import LIVE_PRIVATE_KEY, PRIVATE_KEY, VISITOR, WEBSITE, a_body, a_message, private, public
from tests.calls import change, open_one, send, visitor
from tests.client import Api

Consumer = Callable[[dict[str, Any]], None]


@pytest.fixture
def consumer(api: Api, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """The consumer of the page, whose requests reach the API."""

    def urlopen(request: urllib.request.Request, timeout: float) -> io.BytesIO:  # noqa: ARG001 (as it is called)
        url = urlsplit(request.full_url)
        for route in all_routes():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
            if route.method == request.method and (match := re.fullmatch(pattern, url.path)):
                body = None if request.data is None else json.loads(request.data)  # type: ignore[arg-type]  # bytes
                headers = {name.lower(): value for name, value in request.header_items()}
                query = dict(parse_qsl(url.query))
                response = api(body, headers, route=route, query=query, **match.groupdict())
                assert response.status == 200, response.body
                return io.BytesIO(json.dumps(response.body).encode())
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


def a_question(text: str = "Hello", id_: str = "m1") -> dict[str, object]:
    return a_message(text, id=id_, visitorId=VISITOR)


def texts(api: Api) -> list[str]:
    """Return the texts of the public messages, the first one first."""
    items = api(route=timelines.GET, conversationId="told", query={"limit": "100"}).body["items"]
    return [item["text"] for item in items if (item["type"], item["visibility"]) == ("message", "public")]


def test_it_answers_once_however_often_it_is_told(api: Api, consumer: Consumer) -> None:
    api(a_body(conversationId="told", defaultTimelineItems=[a_question()]), public())

    for _ in range(2):
        consumer(told_of("m1"))

    assert texts(api) == ["Hello", "You wrote: Hello"]


def test_two_that_are_told_at_once_answer_once(api: Api, consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    open_one(api, a_question(), id_="told")
    send_on = urllib.request.urlopen
    posts = 0

    def urlopen(request: urllib.request.Request, timeout: float) -> Any:
        nonlocal posts
        posts += request.method == "POST"
        if request.method == "POST" and posts == 1:
            consumer(told_of("m1"))  # after the first one has read, and before it writes
        return send_on(request, timeout=timeout)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    consumer(told_of("m1"))

    assert posts == 2
    assert texts(api) == ["Hello", "You wrote: Hello"]


def test_it_leaves_what_somebody_has_answered(api: Api, consumer: Consumer) -> None:
    api(a_body(conversationId="told", defaultTimelineItems=[a_question()]), public())
    api({"conversationId": "told", "item": a_message("Anybody?", id="m2")}, visitor(), route=messages.SEND)

    consumer(told_of("m1"))
    consumer(told_of("m2"))

    assert texts(api) == ["Hello", "Anybody?", "You wrote: Anybody?"]


def test_it_answers_though_private_notes_follow_the_question(api: Api, consumer: Consumer) -> None:
    notes = [a_message(f"Note {n}", visibility="private", userId="user-1") for n in range(45)]
    open_one(api, a_question(), *notes, id_="told")

    consumer(told_of("m1"))

    assert texts(api) == ["Hello", "You wrote: Hello"]


def test_it_answers_though_events_follow_the_question(api: Api, consumer: Consumer) -> None:
    open_one(api, a_question(), {"type": "event", "visitorId": VISITOR}, id_="told")
    for verb in ("resolve", "reopen"):
        change(api, verb, id_="told")

    consumer(told_of("m1"))

    assert texts(api) == ["Hello", "You wrote: Hello"]


def test_it_leaves_a_conversation_without_the_question(api: Api, consumer: Consumer) -> None:
    open_one(api, a_message("A note", visibility="private", userId="user-1"), id_="told")

    consumer(told_of("m1"))

    assert texts(api) == []


def test_it_answers_each_of_two_questions_whose_long_ids_differ_at_the_end(api: Api, consumer: Consumer) -> None:
    first, second = ("m" * 59 + end for end in ("first", "other"))
    open_one(api, a_question("First?", first), id_="told")
    consumer(told_of(first))
    send(api, visitor(), id_="told", **a_question("Second?", second))

    consumer(told_of(second))

    assert texts(api) == ["First?", "You wrote: First?", "Second?", "You wrote: Second?"]


def test_nobody_without_its_key_can_compute_the_id_of_its_answer(
    api: Api, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = set()
    for key in (PRIVATE_KEY, LIVE_PRIVATE_KEY):
        monkeypatch.setenv("KEY", key)
        api(a_body(conversationId="told", defaultTimelineItems=[a_question()]), private(key))
        consumer(told_of("m1"))
        [_, response] = api(None, private(key), route=timelines.GET, conversationId="told").body["items"]
        ids.add(response["id"])

    assert len(ids) == 2
