"""local/gateway.py: what API Gateway's HTTP API does to a request and to a response."""

import asyncio
import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import page, seed
from local.gateway import Gateway, Handled, Message
from local.gateway import Response as GatewayResponse
from local.run import _show_request
from local.runtime import EventTooLarge, FunctionError
from local.template import Function, Template, TemplateError

TEMPLATE = """
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: ["*"]
        AllowMethods: [POST, OPTIONS]
        AllowHeaders: ["*", authorization]
        ExposeHeaders: [retry-after]
        MaxAge: 60
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/
      Handler: hello.handler
      Events:
        Post: {Type: HttpApi, Properties: {Method: POST, Path: /hello}}
        Page: {Type: HttpApi, Properties: {Method: GET, Path: '/pages/{id}'}}
        Newest: {Type: HttpApi, Properties: {Method: GET, Path: /pages/newest}}
        Files: {Type: HttpApi, Properties: {Method: ANY, Path: '/files/{path+}'}}
"""
OK = {"statusCode": 200, "body": "ok"}
ORIGIN = (b"Origin", b"https://app.example.com")
JSON_TYPE = (b"Content-Type", b"application/json; charset=utf-8")


@dataclass
class Response:
    """What a client gets."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Sends requests to a gateway whose function gives one prepared response and remembers its events."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.returned: Any = OK
        self.events: list[dict[str, Any]] = []
        self.handled: list[Handled] = []

    async def _invoke(self, _: Function, event: dict[str, Any]) -> Any:
        self.events.append(event)
        if isinstance(self.returned, Exception):
            raise self.returned
        return self.returned

    def _template(self) -> Template:
        return self.template

    def request(
        self, method: str, target: str, *headers: tuple[bytes, bytes], chunks: tuple[bytes, ...] = (b"",)
    ) -> Response:
        left = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        left[-1]["more_body"] = False
        start, body = self.exchange(method, target, headers, left)
        return Response(start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, body["body"])

    def exchange(
        self, method: str, target: str, headers: tuple[tuple[bytes, bytes], ...], received: list[dict[str, Any]]
    ) -> list[Message]:
        """Let the gateway receive these messages, and return those that it sends."""
        path, _, query = target.partition("?")
        scope: Message = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": ("192.0.2.1", 5000),
            "server": ("127.0.0.1", 3000),
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return received.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(Gateway(self._template, self._invoke, self.handled.append, page.serve)(scope, receive, send))
        return sent

    def event(self, *headers: tuple[bytes, bytes], body: bytes = b"", target: str = "/hello") -> dict[str, Any]:
        """Return the event that the function gets for a POST."""
        self.request("POST", target, *headers, chunks=(body,))
        return self.events[-1]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return Client(Template(path))


def test_the_event_is_payload_format_2(client: Client) -> None:
    response = client.request("POST", "/hello", (b"User-Agent", b"test"), JSON_TYPE, chunks=(b'{"a"', b":1}"))
    event = client.events[0]
    context = event["requestContext"]

    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "POST /hello", "/hello")
    assert (event["rawQueryString"], event["body"], event["isBase64Encoded"]) == ("", '{"a":1}', False)
    assert "queryStringParameters" not in event
    assert context["http"] == {
        "method": "POST",
        "path": "/hello",
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.1",
        "userAgent": "test",
    }
    assert (context["stage"], context["routeKey"]) == ("$default", "POST /hello")
    assert context["requestId"] == response.headers["apigw-requestid"]
    assert (response.status, response.body) == (200, b"ok")


def test_header_names_are_lower_case_and_repeated_ones_joined(client: Client) -> None:
    headers = client.event((b"X-Visitor-Id", b"a"), (b"x-visitor-id", b"b"), (b"ORIGIN", b"null"))["headers"]

    assert (headers["x-visitor-id"], headers["origin"]) == ("a,b", "null")


def test_a_header_that_is_no_utf_8_still_arrives(client: Client) -> None:
    assert client.event((b"X-Name", b"caf\xe9"))["headers"]["x-name"] == "caf\N{REPLACEMENT CHARACTER}"


def test_cookies_come_apart_from_the_headers(client: Client) -> None:
    event = client.event((b"Cookie", b"a=1; b=2"))

    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_repeated_query_parameters_are_joined(client: Client) -> None:
    event = client.event(target="/hello?a=1&a=2%20x&b=")

    assert event["rawQueryString"] == "a=1&a=2%20x&b="
    assert event["queryStringParameters"] == {"a": "1,2 x", "b": ""}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"application/octet-stream", b"text"),
        (b"application/x-www-form-urlencoded", b"a=1"),
        (b"application/json", b"\xff"),
        (b"", b"{}"),
    ],
)
def test_what_is_no_text_comes_in_base64(client: Client, content_type: bytes, body: bytes) -> None:
    event = client.event((b"Content-Type", content_type), body=body)

    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (body, True)


@pytest.mark.parametrize("content_type", [b"text/plain", b"application/json", b"Application/problem+JSON;a=b"])
def test_text_comes_as_it_is(client: Client, content_type: bytes) -> None:
    event = client.event((b"Content-Type", content_type), body="né".encode())

    assert (event["body"], event["isBase64Encoded"]) == ("né", False)


def test_half_a_body_reaches_no_function(client: Client) -> None:
    half = {"type": "http.request", "body": b'{"a": 1}', "more_body": True}

    assert client.exchange("POST", "/hello", (JSON_TYPE,), [half, {"type": "http.disconnect"}]) == []
    assert client.events == []


def test_an_empty_body_is_no_body(client: Client) -> None:
    assert "body" not in client.event(JSON_TYPE)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/hello/"), ("POST", "/"), ("GET", "/hello"), ("HEAD", "/hello")]
)
def test_another_path_or_method_is_not_found(client: Client, method: str, path: str) -> None:
    response = client.request(method, path)

    assert (response.status, response.body) == (404, b'{"message":"Not Found"}')
    assert client.events == []


@pytest.mark.parametrize(
    ("method", "path", "route_key", "parameters"),
    [
        ("GET", "/pages/7", "GET /pages/{id}", {"id": "7"}),
        ("GET", "/pages/newest", "GET /pages/newest", None),
        ("PUT", "/files/a/b", "ANY /files/{path+}", {"path": "a/b"}),
    ],
)
def test_the_most_specific_route_answers(
    client: Client, method: str, path: str, route_key: str, parameters: dict[str, str] | None
) -> None:
    client.request(method, path)

    assert client.events[0]["routeKey"] == route_key
    assert client.events[0].get("pathParameters") == parameters


def test_a_body_over_10_mb_is_too_large(client: Client) -> None:
    megabyte = b"x" * 1024 * 1024

    assert client.request("POST", "/hello", chunks=(megabyte,) * 10).status == 200
    response = client.request("POST", "/hello", chunks=(*(megabyte,) * 10, b"x"))
    assert (response.status, response.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_an_event_that_lambda_refuses_for_its_size_is_too_large(client: Client) -> None:
    client.returned = EventTooLarge("over 6 MB")
    response = client.request("POST", "/hello", ORIGIN)

    assert (response.status, response.body) == (413, b'{"message":"Request Entity Too Large"}')
    assert response.headers["access-control-allow-origin"] == "*"
    assert client.handled[0].response.cause == "over 6 MB"


def test_headers_over_10240_bytes_are_too_large(client: Client) -> None:
    line = len("POST /hello HTTP/1.1")

    assert client.request("POST", "/hello", (b"X-A", b"x" * (10_240 - line))).status == 200
    assert client.request("POST", "/hello", (b"X-A", b"x" * (10_241 - line))).status == 431


@pytest.mark.parametrize(
    "returned",
    [
        FunctionError("crashed"),
        {"statusCode": "none"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"x-a": "1\r\nx-b: 2"}},
        {"statusCode": 200, "headers": {"x a": "1"}},
    ],
)
def test_a_function_without_a_response_is_an_internal_server_error(client: Client, returned: Any) -> None:
    client.returned = returned
    response = client.request("POST", "/hello", ORIGIN)

    assert (response.status, response.body) == (500, b'{"message":"Internal Server Error"}')
    assert response.headers["access-control-allow-origin"] == "*"
    assert client.handled[0].response.cause is not None


def test_a_broken_template_is_an_internal_server_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Template:
        raise TemplateError("line 3")

    monkeypatch.setattr(client, "_template", broken)

    assert client.request("POST", "/hello").status == 500
    assert client.handled[0].response.cause == "line 3"


def test_a_response_without_a_status_is_a_200_of_json(client: Client) -> None:
    client.returned = {"hello": "there"}
    response = client.request("POST", "/hello")

    assert (response.status, json.loads(response.body)) == (200, {"hello": "there"})
    assert response.headers["content-type"] == "application/json"


def test_a_response_in_base64_is_decoded(client: Client) -> None:
    client.returned = {"statusCode": 200, "body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}

    assert client.request("POST", "/hello").body == b"\xff\x00"


def test_the_cookies_of_a_response_are_set(client: Client) -> None:
    client.returned = {**OK, "cookies": ["a=1"]}

    assert client.request("POST", "/hello").headers["set-cookie"] == "a=1"


def test_a_preflight_is_answered_by_the_gateway(client: Client) -> None:
    response = client.request("OPTIONS", "/hello", ORIGIN, (b"Access-Control-Request-Method", b"POST"))
    del response.headers["apigw-requestid"]

    assert (response.status, response.body) == (204, b"")
    assert response.headers == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST,OPTIONS",
        "access-control-allow-headers": "*,authorization",
        "access-control-max-age": "60",
    }
    assert client.events == []


@pytest.mark.parametrize("headers", [(ORIGIN,), (ORIGIN, (b"Access-Control-Request-Method", b"DELETE"))])
def test_a_preflight_that_is_not_allowed_has_no_cors_headers(client: Client, headers: tuple[Any, ...]) -> None:
    response = client.request("OPTIONS", "/hello", *headers)

    assert response.status == 204
    assert "access-control-allow-origin" not in response.headers


def test_the_gateways_cors_headers_replace_the_functions_own(client: Client) -> None:
    client.returned = {**OK, "headers": {"Access-Control-Allow-Origin": "evil", "Access-Control-Allow-Methods": "PUT"}}
    headers = client.request("POST", "/hello", ORIGIN).headers

    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-expose-headers"] == "retry-after"
    assert "access-control-allow-methods" not in headers


def test_without_an_origin_there_are_no_cors_headers(client: Client) -> None:
    headers = client.request("POST", "/hello").headers

    assert not [name for name in headers if name.startswith("access-control-")]


def test_a_listed_origin_is_named_and_another_is_not(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "listed.yaml"
    path.write_text(TEMPLATE.replace('["*"]', "[https://app.example.com]"))
    client.template = Template(path)

    assert client.request("POST", "/hello", ORIGIN).headers["access-control-allow-origin"] == "https://app.example.com"
    other = client.request("POST", "/hello", (b"Origin", b"https://evil.example.com"))
    assert "access-control-allow-origin" not in other.headers


# The page beside the API ----------------------------------------------------------------------------------------------


def test_the_page_is_served_with_the_demo_keys_and_all_that_it_refers_to(client: Client) -> None:
    response = client.request("GET", "/")
    text = response.body.decode()

    assert (response.status, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    keys = re.search('<script type="application/json" id="keys">(.*)</script>', text)
    assert keys is not None
    assert json.loads(keys[1]) == {"publicKey": seed.PUBLIC_KEY, "privateKey": seed.PRIVATE_KEY}
    files = re.findall('(?:href|src)="(/page/[^"]+)"', text)
    for file in files:
        response = client.request("GET", file)
        assert response.status == 200, file
        files += {f"/page/{name}" for name in re.findall('from "./(.+)"', response.body.decode())} - set(files)
    assert {file.rpartition(".")[2] for file in files} == {"css", "js"}
    assert client.events == []


def test_the_page_reaches_the_api_and_the_bucket_of_this_machine_alone() -> None:
    response = page.serve("/", 3000, "http://127.0.0.1:8333")

    assert response
    policy = dict(response.headers)["content-security-policy"]
    called = "http://localhost:3000 http://127.0.0.1:3000 http://127.0.0.1:8333"
    assert policy.startswith(
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob: {called}; "
        f"connect-src {called} ws://localhost:3000 ws://127.0.0.1:3000; "
    )


def test_nobody_else_reads_the_page(client: Client) -> None:
    headers = client.request("GET", "/", ORIGIN).headers

    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/"),
        ("POST", "/"),
        ("GET", "/index.html"),
        ("GET", "/page"),
        ("GET", "/page/"),
        ("GET", "/page/index.html"),
        ("GET", "/page/__init__.py"),
        ("GET", "/page/../run.py"),
        ("GET", "/page/widget.js/"),
    ],
)
def test_what_is_none_of_the_page_s_files_is_not_found(client: Client, method: str, path: str) -> None:
    response = client.request(method, path, ORIGIN)

    assert (response.status, response.body) == (404, b'{"message":"Not Found"}')
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/", "$default"])
def test_a_route_of_the_template_comes_before_the_page(client: Client, tmp_path: Path, path: str) -> None:
    template = tmp_path / "root.yaml"
    template.write_text(TEMPLATE.replace("Path: /hello", f"Path: {path}").replace("Method: POST", "Method: ANY"))
    client.template = Template(template)

    assert client.request("GET", "/").body == b"ok"


@pytest.mark.parametrize(
    ("method", "status", "referer", "shown"),
    [
        ("GET", 200, "http://localhost:3000/", False),
        ("OPTIONS", 204, "http://127.0.0.1:3000/", False),
        ("GET", 200, "http://localhost:3000/page/widget.js", False),
        ("POST", 200, "http://localhost:3000/", True),
        ("GET", 403, "http://localhost:3000/", True),
        ("GET", 200, "http://localhost:3000/v1/docs", True),
        ("GET", 200, "http://localhost:5173/", True),
        ("GET", 200, "", True),
    ],
)
def test_what_the_page_asks_again_and_again_is_shown_only_when_it_fails(
    capsys: pytest.CaptureFixture[str], method: str, status: int, referer: str, shown: bool
) -> None:
    _show_request(3000, Handled(method, "/v1/conversations", GatewayResponse(status), 0.01, "id", referer))

    assert bool(capsys.readouterr().out) is shown


@pytest.mark.parametrize("end", ["", "/activity"])
def test_what_is_shown_of_a_request_names_no_visitor(capsys: pytest.CaptureFixture[str], end: str) -> None:
    path = f"/v1/visitors/01JDEM0V1S1T0R000000000000{end}"

    _show_request(3000, Handled("PATCH", path, GatewayResponse(200), 0.01, "id"))

    assert f" PATCH /v1/visitors/{{visitorId}}{end} 200 " in capsys.readouterr().out


def test_what_is_shown_of_a_request_leads_to_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    path = f"/v1/files/01JDEM0WEBS1TEA00000000000/test/01JDEM0C0NVERSAT10N0000000/{'0' * 26}"

    _show_request(3000, Handled("GET", path, GatewayResponse(302), 0.01, "id"))

    assert " GET /v1/files/{file} 302 " in capsys.readouterr().out


# ----------------------------------------------------------------------------------------------------------------------


def test_who_asked_is_told_by_the_header_referer(client: Client) -> None:
    client.request("POST", "/hello", (b"Referer", b"http://localhost:3000/"))

    assert client.handled[0].referer == "http://localhost:3000/"


def test_what_is_told_of_a_request_has_no_query(client: Client) -> None:
    client.request("POST", "/hello?key=secret")

    assert (client.handled[0].method, client.handled[0].path) == ("POST", "/hello")
