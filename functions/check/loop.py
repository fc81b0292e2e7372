"""A conversation from its first message to its last change, as a company's server sees it.

It takes every index of the table and every kind of write, so that an API that lacks one of them fails. Nothing is
deleted: the retention of test keys ends what it writes.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

#: Makes a request: method, path, headers and body (None for none). Gives status and body of the response.
Call = Callable[[str, str, Mapping[str, str], object], tuple[int, Any]]
#: Waits until a client that is connected is told of an item, named by its conversation's id and its own.
Hear = Callable[[str, str], None]

_QUESTION, _ANSWER = "question", "answer"
_TEAM_MEMBER = "check"
#: Seconds before each further look at an index, which follows a write normally within a second.
_PAUSES = (0.25, 0.5, 1, 2, 4)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class CheckFailedError(Exception):
    """The API does not do what it should. It names the step, and nothing that was sent or received."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name the step in which something fails. Raises `CheckFailedError` for whatever is raised inside."""
    try:
        yield
    except CheckFailedError as failure:
        raise CheckFailedError(f"{name}: {failure}") from None
    except Exception as error:
        # Its message may hold an address or a part of a response.
        raise CheckFailedError(f"{name}: {type(error).__name__}") from None


def require(holds: bool, otherwise: str) -> None:
    """Raise `CheckFailedError` unless something holds."""
    if not holds:
        raise CheckFailedError(otherwise)


def play(call: Call, key: str, hear: Hear | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
    """Open a conversation of a new visitor, answer, read, resolve it and remove the answer.

    Raises `CheckFailedError` at the first step that fails.

    Parameters
    ----------
    key
        A private test key.
    hear
        Is called right after the answer; None where nobody is connected.
    """
    conversation = f"check-{uuid.uuid4()}"
    path = f"/v1/conversations/{conversation}"
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/json",
        # Not in the query, which others may log.
        "x-visitor-id": _new_visitor(),
        "x-actor-user-id": _TEAM_MEMBER,
    }

    def ask(method: str, path: str, body: object = None) -> Any:
        status, found = call(method, path, headers, body)
        if status != 200:
            code = found.get("code") if isinstance(found, dict) else None
            raise CheckFailedError(f"the response was {status} {code}")
        return found

    def messages() -> list[str]:
        return [item["id"] for item in ask("GET", f"{path}/timeline")["items"] if item["type"] == "message"]

    def is_listed(path: str, name: str) -> bool:
        for pause in (*_PAUSES, None):
            if conversation in [found["id"] for found in ask("GET", path)[name]]:
                return True
            if pause is not None:
                sleep(pause)
        return False

    opening = {"conversationId": conversation, "defaultTimelineItems": [{"id": _QUESTION, "text": "Where is it?"}]}
    with step("open"):
        opened = ask("POST", "/v1/conversations", opening)
        require(opened["conversation"]["status"] == "open", "the conversation is not open")
        require(ask("POST", "/v1/conversations", opening) == opened, "the response to the repetition differs")
    with step("send"):
        answer = {"id": _ANSWER, "text": "On its way."}
        sent = ask("POST", "/v1/messages", {"conversationId": conversation, "item": answer})["item"]
        require(sent["userId"] == _TEAM_MEMBER, "the answer is not the team's")
    if hear is not None:
        with step("hear"):
            hear(conversation, _ANSWER)
    with step("read the page"):
        require(messages() == [_QUESTION, _ANSWER], "it does not have the two messages")
    with step("list the visitor's"):
        require(is_listed("/v1/conversations", "conversations"), "the conversation is not listed")
    with step("read the inbox"):
        require(is_listed("/v1/conversations/inbox", "items"), "the conversation is not in it")
    with step("get"):
        last = ask("GET", path)["conversation"]["lastTimelineItem"]
        require(last["id"] == _ANSWER, "the last message is not the one that was sent last")
    with step("mark as seen"):
        require(ask("POST", f"{path}/seen", {})["conversationId"] == conversation, "it is another conversation")
        seen_by = [receipt["userId"] for receipt in ask("GET", f"{path}/seen")["seenData"]]
        require(_TEAM_MEMBER in seen_by, "there is no receipt of it")
    with step("resolve"):
        for method, verb in (("POST", f"{path}/resolve"), ("GET", path)):
            require(ask(method, verb)["conversation"]["status"] == "resolved", "the conversation is not resolved")
    with step("remove"):
        removed = ask("DELETE", f"{path}/timeline/{_ANSWER}")["item"]
        require(removed["deletedAt"] is not None and removed["text"] is None, "the answer still says something")
        require(messages() == [_QUESTION], "what was removed is still on the page, or more than that is gone")


def _new_visitor() -> str:
    """Return a ULID that nobody has: a visitor who has one conversation."""
    number = uuid.uuid4().int
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
