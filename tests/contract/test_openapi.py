"""The document: up to date, true to the code, and clear about what would break a client."""

import copy
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import all_routes
from jsonschema_rs import is_valid, validator_for
from openapi.document import build
from schemathesis.specs.openapi.definitions import OPENAPI_31

from local.openapi import COMMITTED, breaking
from tests.builders import API_CODES, a_body, private
from tests.client import Api
from tests.contract.examples import RECORDED, record
from tests.document import DOCUMENT, OPERATIONS, require_documented, validator

Document = dict[str, Any]
OPENING = OPERATIONS["createConversation"]
REQUEST = OPENING["requestBody"]["content"]["application/json"]


def test_the_committed_document_is_that_of_the_code() -> None:
    document = json.loads(json.dumps(build()))

    assert document == DOCUMENT, "\n".join(["Run `make openapi`.", *breaking(DOCUMENT, document)])


EXAMPLES = [
    (route_id, status, name)
    for route_id, operation in OPERATIONS.items()
    for status, response in operation["responses"].items()
    for name in response["content"]["application/json"]["examples"]
]


def test_every_code_is_an_example_of_its_status() -> None:
    documented = {(int(status), code) for _, status, code in EXAMPLES if status[0] != "2"}

    assert documented == {(code.status, code.value) for code in API_CODES}, (
        "Call it in `refuse` of tests/contract/examples.py, add its status to the `refusals` of its route's text, and "
        "run `make openapi`."
    )


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.id)
def test_every_route_is_described_and_shown(route: AnyRoute) -> None:
    operation = OPERATIONS.get(route.id)

    assert operation is not None, "Run `make openapi`."
    assert operation == DOCUMENT["paths"][route.path][route.method.lower()]
    assert min(len(operation["summary"]), len(operation["description"])) > 10
    success = str(route.status)
    assert operation["responses"].keys() >= {success, "401", "403", "500", "503"}
    assert json.loads(RECORDED.read_text())[route.id].keys() <= operation["responses"].keys(), (
        "Add the status to the `refusals` of its text."
    )
    takes_nothing = (route.visitor_required, route.query, route.body) == ("never", None, None) and "{" not in route.path
    assert ("400" in operation["responses"]) != takes_nothing
    assert ("429" in operation["responses"]) == route.rate_limited
    shown = [name for route_id, status, name in EXAMPLES if (route_id, status) == (route.id, success)]
    assert shown, "Call the route in `succeed` of tests/contract/examples.py, and run `make openapi`."
    assert ("RateLimit" in operation["responses"][success]["headers"]) == route.rate_limited
    if route.body is not None:
        assert operation["requestBody"]["content"]["application/json"]["examples"]
        assert f"{route.max_body_bytes:,} bytes" in operation["requestBody"]["description"]


@pytest.mark.parametrize("name", REQUEST["examples"])
def test_example_requests_are_valid_and_answered_as_documented(name: str, api: Api) -> None:
    example = REQUEST["examples"][name]["value"]

    validator(REQUEST["schema"]).validate(example)
    assert api(example).status == 200


@pytest.mark.parametrize(("route_id", "status", "name"), EXAMPLES)
def test_example_answers_are_as_documented(route_id: str, status: str, name: str) -> None:
    content = OPERATIONS[route_id]["responses"][status]["content"]["application/json"]
    example = content["examples"][name]["value"]

    require_documented(int(status), {"content-type": "application/json"}, example, route_id)


def test_an_answer_that_is_not_documented_is_noticed(api: Api) -> None:
    answer = api(a_body())
    conversation = answer.conversation

    for wrong in ({**conversation, "new": 1}, {**conversation, "status": "shut"}, {"id": "CO1"}):
        body = {**answer.body, "conversation": wrong}
        with pytest.raises(AssertionError, match="not as documented"):
            require_documented(200, answer.headers, body)
    with pytest.raises(AssertionError, match="not documented"):
        require_documented(418, answer.headers, answer.body)


def test_example_answers_are_those_of_the_api() -> None:
    assert json.loads(RECORDED.read_text()) == record(), "Run `make openapi`."


def test_every_schema_describes_itself() -> None:
    assert [name for name, schema in DOCUMENT["components"]["schemas"].items() if "description" not in schema] == []


def test_every_part_is_told_by_its_type_alone() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    types = [_resolved(member)["properties"]["type"] for member in schemas["Part"]["oneOf"]]

    known = [value["const"] for value in types if "const" in value]
    assert len(set(known)) == len(types) - 1
    [tool] = [value for value in types if "const" not in value]
    assert is_valid(tool, "tool-search")
    assert [value for value in known if is_valid(tool, value)] == []


# What generators of clients take: each rule is one that some of them stumbled over (`make clients` runs them all) ----


def test_it_is_an_openapi_3_1_document() -> None:
    validator_for(OPENAPI_31).validate(DOCUMENT)


def test_no_union_has_a_union_for_a_member() -> None:
    unions = {path: node[kind] for path, node in _nodes(DOCUMENT) for kind in ("anyOf", "oneOf") if kind in node}

    assert unions
    assert [path for path, members in unions.items() for member in members if _is_union(_resolved(member))] == []


def test_schemas_are_not_mixed_with_unions() -> None:
    """`allOf`, `not` and `if` have no form in most languages, and a union beside a type or properties none either."""
    assert [path for path, node in _nodes(DOCUMENT) if {"allOf", "not", "if", "discriminator"} & node.keys()] == []
    assert [path for path, node in _nodes(DOCUMENT) if _is_union(node) and {"type", "properties"} & node.keys()] == []


def test_links_send_no_object() -> None:
    links = [link for _, node in _nodes(DOCUMENT["paths"]) for link in node.get("links", {}).values()]

    assert links
    assert [link for link in links if not isinstance(link.get("requestBody", ""), str)] == []


def test_no_schema_has_the_name_of_something_that_languages_have() -> None:
    taken = {"Error", "Exception", "Object", "String", "Number", "Date", "Map", "List", "Set", "Response", "Request"}

    assert DOCUMENT["components"]["schemas"].keys() & taken == set()


def test_patterns_are_read_by_python_and_javascript_and_stand_in_any_quotes() -> None:
    patterns = [node["pattern"] for _, node in _nodes(DOCUMENT) if isinstance(node.get("pattern"), str)]

    assert patterns
    for pattern in patterns:
        re.compile(pattern)
        assert not {'"', "'", "`", "/"} & set(pattern), pattern
    program = "for (const p of JSON.parse(process.argv[1])) { new RegExp(p); new RegExp(p, 'u') }"
    subprocess.run(["node", "-e", program, json.dumps(patterns)], check=True)


@pytest.mark.parametrize(
    "key",
    [
        "order-1017",
        "x",
        "x" * 255,
        'a"b',
        "two words",
        '"order-1017"',
        r'"a \"quoted\" \\ key"',
        f'"{"x" * 255}"',
        "' '",
    ],
)
def test_an_idempotency_key_that_the_api_takes_is_documented(key: str, api: Api) -> None:
    assert api(a_body(), {**private(), "idempotency-key": key}).status == 200
    assert is_valid(_header("Idempotency-Key"), key)


@pytest.mark.parametrize("key", ["", "x" * 256, f'"{"x" * 256}"', '"', '""', '"open', '"a"b"', r'"a\b"', "é", "a\tb"])
def test_an_idempotency_key_that_the_api_refuses_is_not_documented(key: str, api: Api) -> None:
    assert api(a_body(), {**private(), "idempotency-key": key}).status == 400
    assert not is_valid(_header("Idempotency-Key"), key)


def _header(name: str) -> Any:
    [schema] = [parameter["schema"] for parameter in OPENING["parameters"] if parameter["name"] == name]
    return schema


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, Document]]:
    """Give each object of the document, except what stands in an example."""
    if isinstance(node, dict):
        yield path, node
    for name, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, dict | list) and name not in {"examples", "value"}:
            yield from _nodes(value, f"{path}/{name}")


def _resolved(schema: Document) -> Document:
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    return DOCUMENT["components"]["schemas"][name] if name else schema


def _is_union(schema: Document) -> bool:
    return bool({"anyOf", "oneOf"} & schema.keys())


# What breaks clients --------------------------------------------------------------------------------------------------


def _request(document: Document) -> Any:
    return document["components"]["schemas"]["ConversationRequest"]


def _conversation(document: Document) -> Any:
    return document["components"]["schemas"]["Conversation"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d["paths"].clear(), "GET removed"),
        (lambda d: d["paths"]["/v1/conversations"].pop("post"), "POST removed"),
        (lambda d: _request(d)["properties"].pop("channel"), "POST request.channel: removed"),
        (lambda d: _request(d).update(required=["visitorId"]), "POST request.visitorId: newly required"),
        (
            lambda d: _request(d)["properties"]["channel"]["anyOf"][0].update(maxLength=32),
            "POST request.channel: narrower",
        ),
        (
            lambda d: _request(d)["properties"]["defaultTimelineItems"]["anyOf"][0].update(maxItems=50),
            "POST request.defaultTimelineItems: narrower",
        ),
        (
            lambda d: d["components"]["schemas"]["Part"]["oneOf"].pop(0),
            "POST request.defaultTimelineItems[].parts[]: no longer TextPart",
        ),
        (lambda d: _conversation(d)["properties"].pop("title"), "GET answer 200.conversations[].title: removed"),
        (
            lambda d: _conversation(d)["required"].remove("channel"),
            "GET answer 200.conversations[].channel: may now be left out",
        ),
        (
            lambda d: _conversation(d)["properties"].update(channel={}),
            "GET answer 200.conversations[].channel: may now be more",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["parameters"].pop(0),
            "POST request header X-Visitor-Id: removed",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["get"]["parameters"].pop(-1),
            "GET request query order: removed",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["parameters"][1].update(required=True),
            "POST request header Idempotency-Key: newly required",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["security"].pop(),
            "POST security [{'publicKey': []}]: removed",
        ),
        (
            lambda d: d["paths"]["/v1/conversations"]["post"]["responses"]["200"]["headers"].pop("RateLimit"),
            "POST answer 200 header RateLimit: removed",
        ),
    ],
)
def test_a_breaking_change_is_named(change: Callable[[Document], object], named: str) -> None:
    after = copy.deepcopy(DOCUMENT)
    change(after)

    found = breaking(DOCUMENT, after)
    assert found
    method, what = named.split(maxsplit=1)
    assert found[0].startswith(f"{method} /v1/conversations: {what}")


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda d: _request(d)["properties"].update(aFieldOfTomorrow={"type": "string"}),
        lambda d: _request(d)["properties"]["channel"]["anyOf"][0].update(maxLength=128),
        lambda d: _conversation(d)["properties"].update(aFieldOfTomorrow={"type": "string"}),
        lambda d: _conversation(d).update(description="In other words."),
    ],
)
def test_a_change_that_breaks_nobody_is_not_named(change: Callable[[Document], object]) -> None:
    after = copy.deepcopy(DOCUMENT)
    change(after)

    assert breaking(DOCUMENT, after) == []


def test_the_file_is_written_by_the_target_alone() -> None:
    assert COMMITTED.read_text() == json.dumps(DOCUMENT, indent=2) + "\n"
