"""What the check through the public address makes of frames and of responses."""

import json
from contextlib import nullcontext
from typing import Any

import pytest
from check.loop import CheckFailedError
from public_check import handler as public_check

from tests.builders import PRIVATE_KEY

WELCOME = {"type": "CONNECTION_ESTABLISHED", "payload": {}}


def told(conversation: str, item: str) -> dict[str, Any]:
    return {"type": "timelineItemCreated", "payload": {"conversationId": conversation, "item": {"id": item}}}


class Socket:
    """Has received frames, and nothing after them."""

    def __init__(self, *frames: dict[str, Any]) -> None:
        self.frames = [json.dumps(frame) for frame in frames]

    def recv(self, timeout: float) -> str:
        assert 0 < timeout <= 10
        if not self.frames:
            raise TimeoutError
        return self.frames.pop(0)


def check(monkeypatch: pytest.MonkeyPatch, socket: Socket) -> None:
    """Check an API that works, by this socket."""

    monkeypatch.setattr(public_check, "connect", lambda _url, **_: nullcontext(socket))
    monkeypatch.setattr(public_check, "play", lambda _call, _key, hear: hear("c", "answer"))
    public_check.check("https://api.example.com", "wss://ws.example.com", PRIVATE_KEY)


def test_it_hears_of_its_own_answer_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [told("another", "answer"), told("c", "another"), {"type": "conversationCreated", "payload": {}}]

    check(monkeypatch, Socket(WELCOME, *others, told("c", "answer")))


@pytest.mark.parametrize("frames", [(), (WELCOME,), (WELCOME, told("another", "answer"))])
def test_silence_fails_it(monkeypatch: pytest.MonkeyPatch, frames: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(CheckFailedError, match="it was not told within 10 seconds"):
        check(monkeypatch, Socket(*frames))
