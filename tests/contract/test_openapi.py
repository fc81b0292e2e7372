"""The document: up to date, true to the code, and clear about what would break a client."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from conversations.api import STATUS
from docs.document import build
from jsonschema_rs import is_valid

from local.openapi import COMMITTED, breaking
from tests.builders import a_body
from tests.client import Api
from tests.document import DOCUMENT, OPERATION, require_documented, validator

Document = dict[str, Any]
REQUEST = OPERATION["requestBody"]["content"]["application/json"]


def test_the_committed_document_is_that_of_the_code() -> None:
    document = json.loads(json.dumps(build()))

    assert document == DOCUMENT, "\n".join(["Run `make openapi`.", *breaking(DOCUMENT, document)])


def test_every_status_names_the_codes_that_the_code_gives_it() -> None:
    documented = {
        (int(status), code)
        for status, response in OPERATION["responses"].items()
        for code in response["content"]["application/json"]["examples"]
        if status != "200"
    }

    assert documented == {(status, code.value) for code, status in STATUS.items()}


@pytest.mark.parametrize("name", REQUEST["examples"])
def test_example_requests_are_valid_and_answered_as_documented(name: str, api: Api) -> None:
    example = REQUEST["examples"][name]["value"]

    validator(REQUEST["schema"]).validate(example)
    assert api(example).status == 200


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (status, name)
        for status, response in OPERATION["responses"].items()
        for name in response["content"]["application/json"]["examples"]
    ],
)
def test_example_answers_are_as_documented(status: str, name: str) -> None:
    content = OPERATION["responses"][status]["content"]["application/json"]

    require_documented(int(status), {"content-type": "application/json"}, content["examples"][name]["value"])


def test_an_answer_that_is_not_documented_is_noticed(api: Api) -> None:
    answer = api(a_body())
    conversation = answer.conversation

    for wrong in ({**conversation, "new": 1}, {**conversation, "status": "shut"}, {"id": "CO1"}):
        body = {**answer.body, "conversation": wrong}
        with pytest.raises(AssertionError, match="not as documented"):
            require_documented(200, answer.headers, body)
    with pytest.raises(AssertionError, match="not documented"):
        require_documented(418, answer.headers, answer.body)


def test_every_schema_describes_itself() -> None:
    assert [name for name, schema in DOCUMENT["components"]["schemas"].items() if "description" not in schema] == []


def test_every_type_of_part_is_mapped_but_that_of_tools() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    mapping = schemas["FixedPart"]["discriminator"]["mapping"]

    assert len(mapping) == 11
    assert [
        ref for ref in mapping.values() if ref not in [member["$ref"] for member in schemas["FixedPart"]["oneOf"]]
    ] == []
    assert is_valid(schemas["ToolPart"]["properties"]["type"], "tool-search")


def _request(document: Document) -> Any:
    return document["components"]["schemas"]["ConversationRequest"]


def _conversation(document: Document) -> Any:
    return document["components"]["schemas"]["Conversation"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d["paths"].clear(), "POST /v1/conversations: removed"),
        (lambda d: _request(d)["properties"].pop("channel"), "request.channel: removed"),
        (lambda d: _request(d).update(required=["visitorId"]), "request.visitorId: newly required"),
        (lambda d: _request(d)["properties"]["channel"]["anyOf"][0].update(maxLength=32), "request.channel: narrower"),
        (
            lambda d: _request(d)["properties"]["defaultTimelineItems"]["anyOf"][0].update(maxItems=50),
            "request.defaultTimelineItems: narrower",
        ),
        (
            lambda d: d["components"]["schemas"]["FixedPart"]["oneOf"].pop(0),
            "request.defaultTimelineItems[].parts[]: no longer TextPart",
        ),
        (lambda d: _conversation(d)["properties"].pop("title"), "answer 200.conversation.title: removed"),
        (
            lambda d: _conversation(d)["required"].remove("channel"),
            "answer 200.conversation.channel: may now be left out",
        ),
        (
            lambda d: _conversation(d)["properties"].update(channel={}),
            "answer 200.conversation.channel: may now be more",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["parameters"].pop(0),
            "request header X-Visitor-Id: removed",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["parameters"][1].update(required=True),
            "request header Idempotency-Key: newly required",
        ),
        (lambda d: d["paths"]["/v1/conversations"]["post"]["security"].pop(), "security [{'publicKey': []}]: removed"),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["responses"]["200"]["headers"].pop("RateLimit"),
            "answer 200 header RateLimit: removed",
        ),
    ],
)
def test_a_breaking_change_is_named(change: Callable[[Document], object], named: str) -> None:
    after = copy.deepcopy(DOCUMENT)
    change(after)

    found = breaking(DOCUMENT, after)
    assert found
    assert found[0].startswith(named)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda d: _request(d)["properties"].update(subject={"type": "string"}),
        lambda d: _request(d)["properties"]["channel"]["anyOf"][0].update(maxLength=128),
        lambda d: _conversation(d)["properties"].update(subject={"type": "string"}),
        lambda d: _conversation(d).update(description="In other words."),
    ],
)
def test_a_change_that_breaks_nobody_is_not_named(change: Callable[[Document], object]) -> None:
    after = copy.deepcopy(DOCUMENT)
    change(after)

    assert breaking(DOCUMENT, after) == []


def test_the_file_is_written_by_the_target_alone() -> None:
    assert COMMITTED.read_text() == json.dumps(DOCUMENT, indent=2) + "\n"
