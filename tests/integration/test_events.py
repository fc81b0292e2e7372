"""events/*.json: each sample gets the answer that its name promises."""

import json

import pytest

from tests.builders import EVENTS
from tests.client import Api

PROMISED = {
    "private-key": (200, None),
    "public-key-with-origin": (200, None),
    "with-initial-items": (200, None),
    "replay": (200, None),
    "no-key": (401, "API_KEY_MISSING"),
    "unknown-key": (401, "INVALID_API_KEY"),
    "revoked-key": (401, "INVALID_API_KEY"),
    "expired-key": (401, "INVALID_API_KEY"),
    "origin-missing": (403, "ORIGIN_REQUIRED"),
    "origin-not-allowed": (403, "ORIGIN_NOT_ALLOWED"),
    "private-item-with-public-key": (403, "PRIVATE_KEY_REQUIRED"),
    "visitor-id-missing": (400, "VISITOR_ID_REQUIRED"),
    "invalid-json": (400, "INVALID_JSON"),
    "validation-failed": (400, "VALIDATION_FAILED"),
    "conversation-id-conflict": (409, "CONVERSATION_ID_CONFLICT"),
    "unsupported-media-type": (415, "UNSUPPORTED_MEDIA_TYPE"),
}


def event(name: str) -> dict[str, object]:
    return json.loads((EVENTS / f"{name}.json").read_text())  # type: ignore[no-any-return]


def test_every_sample_is_listed() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == set(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_a_sample_gets_what_its_name_promises(api: Api, name: str) -> None:
    # What `replay` and `conversation-id-conflict` come after.
    api(event=event("with-initial-items"))
    answer = api(event=event(name))

    assert (answer.status, answer.code) == PROMISED[name]
    assert ("idempotent-replayed" in answer.headers) == (name in {"replay", "with-initial-items"})
