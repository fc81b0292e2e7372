"""Posts to clients, and the function's calls of itself, as AWS gets them."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from sockets.invocations import Invocations
from support.aws.client import Client, NoResponse, Response
from support.delivery import Outcome
from support.gateway import WebSocketGateway

from tests.client import Emitted

URL = "https://a1b2.execute-api.eu-central-1.amazonaws.com/ws"


class Sent(NamedTuple):
    """A request to AWS, before it is signed."""

    service: str
    region: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


#: Says what AWS responds to the next requests: a status, or None for a silence.
Responds = Callable[..., list[Sent]]


@pytest.fixture
def responds(monkeypatch: pytest.MonkeyPatch) -> Responds:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_LAMBDA", raising=False)

    def respond(*statuses: int | None) -> list[Sent]:
        requests: list[Sent] = []
        rest = list(statuses)

        def send(_: Client, *sent: Any) -> Response:
            requests.append(Sent(*sent))
            status = rest.pop(0)
            if status is None:
                raise NoResponse("ReadTimeoutError")
            return Response(status, {}, b"")

        monkeypatch.setattr(Client, "send", send)
        return requests

    return respond


def test_a_message_is_posted_to_its_connection(responds: Responds) -> None:
    sent = responds(200)

    assert WebSocketGateway(URL).post("L0SM9cOFvHcCIhw=", b"{}") is Outcome.POSTED
    url = f"{URL}/@connections/L0SM9cOFvHcCIhw%3D"
    assert sent == [Sent("execute-api", "eu-central-1", "POST", url, {}, b"{}")]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (410, Outcome.GONE),
        (429, Outcome.BUSY),
        (500, Outcome.BUSY),
        (503, Outcome.BUSY),
        (None, Outcome.BUSY),
        (400, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (413, Outcome.REFUSED),
    ],
)
def test_a_response_says_what_became_of_a_post(responds: Responds, status: int | None, outcome: Outcome) -> None:
    responds(status)

    assert WebSocketGateway(URL).post("c1", b"{}") is outcome


def test_a_refusal_is_logged_without_what_was_refused(responds: Responds, emitted: Emitted) -> None:
    responds(403)
    WebSocketGateway(URL).post("canary", b"canary")

    [line] = emitted()
    assert (line["level"], line["status"]) == ("ERROR", 403)
    assert "canary" not in json.dumps(line)


def test_the_function_calls_itself_and_does_not_wait(responds: Responds) -> None:
    sent = responds(202)

    assert Invocations("sockets:live", 1)("c1")
    url = "https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/sockets%3Alive/invocations"
    body = b'{"established":"c1"}'
    assert sent == [Sent("lambda", "eu-central-1", "POST", url, {"X-Amz-Invocation-Type": "Event"}, body)]


@pytest.mark.parametrize(("statuses", "accepted"), [((None, 202), True), ((429, 202), True), ((500, None), False)])
def test_it_tries_twice(responds: Responds, statuses: tuple[int | None, ...], accepted: bool) -> None:
    sent = responds(*statuses)

    assert Invocations("sockets", 1)("c1") is accepted
    assert len(sent) == 2
