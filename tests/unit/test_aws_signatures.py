"""conversations/aws/client.py: its signatures are botocore's own, for each service that signs like one of these."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import AUTH_TYPE_MAPS
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import get_session
from support.aws.bucket import Bucket
from support.aws.client import Client

_NOW = datetime(2026, 11, 24, 12, 30, 15)  # noqa: DTZ001 (botocore's are without a time zone)
_KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
_TRACE = "Root=1-6b057c40-000000000000000000000001;Parent=0000000000000001;Sampled=0;Lineage=a:0|b:1"


@pytest.fixture(autouse=True)
def _at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: _NOW)
    monkeypatch.setattr("support.aws.signatures.gmtime", _NOW.timetuple)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a pool of urllib3's is asked to send, in place of sending it."""
    requests: list[dict[str, Any]] = []

    class Sent:
        status, headers, data = 200, dict[str, str](), b""

    def urlopen(_: object, method: str, target: str, body: bytes | None, headers: dict[str, str], **__: object) -> Sent:
        requests.append({"method": method, "target": target, "body": body, "headers": headers})
        return Sent()

    monkeypatch.setattr("urllib3.HTTPConnectionPool.urlopen", urlopen)
    return requests


def sign_in(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    for name, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), _KEYS, strict=True):
        monkeypatch.setenv(name, value)
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)


#: For each service, its kind of signature, a request to it, and what `Client` sends as the target of it.
REQUESTS: dict[str, tuple[str, str, str, dict[str, str], bytes]] = {
    "dynamodb": (
        "v4",
        "POST",
        "https://dynamodb.eu-west-1.amazonaws.com/",
        {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem"},
        '{"TableName": "tåble"}'.encode(),
    ),
    "events": (
        "v4",
        "POST",
        "https://events.us-gov-west-1.amazonaws.com/",
        {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"},
        b'{"Entries": []}',
    ),
    "execute-api": (
        "v4",
        "POST",
        "https://abc.execute-api.eu-west-1.amazonaws.com/prod/%40connections/J8%3D%2F",
        {},
        b"hello",
    ),
    "sqs": ("v4", "GET", "http://127.0.0.1:9324/queue/a?b=%20&Action=ReceiveMessage&a=1", {}, b""),
    "s3": (
        "s3v4",
        "PUT",
        "https://bucket.s3.eu-west-1.amazonaws.com/a//b/%C3%A5%20b.png?partNumber=1&uploadId=x",
        {"Content-Type": "image/png", "x-amz-meta-name": "two   spaces"},
        b"\x89PNG",
    ),
}


@pytest.mark.parametrize("token", [None, "session/token=="])
@pytest.mark.parametrize("service", REQUESTS)
def test_a_signature_is_the_one_of_botocore_s_signer(
    monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]], service: str, token: str | None
) -> None:
    sign_in(monkeypatch, token)
    kind, method, url, headers, body = REQUESTS[service]

    Client(timeout_seconds=1).send(service, "eu-west-1", method, url, headers, body)

    expected = AWSRequest(method, url, headers, body)
    signer: Any = AUTH_TYPE_MAPS[kind]
    signer(Credentials(*_KEYS, token), service, "eu-west-1").add_auth(expected)
    [request] = sent
    assert request["headers"] == {**dict(expected.headers.items()), "User-Agent": "conversations"}
    assert (request["method"], request["body"] or b"") == (method, body)
    assert request["target"] == url.removeprefix(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")


def test_dynamodb_gets_the_signature_that_botocore_s_client_makes(
    monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]]
) -> None:
    sign_in(monkeypatch, "token")
    made: list[Any] = []

    def keep(request: Any, **_: object) -> Any:
        made.append(request)
        raise InterruptedError  # before it is sent

    client: Any = get_session().create_client("dynamodb", region_name="eu-west-1")
    client.meta.events.register("before-send.dynamodb.GetItem", keep)
    with pytest.raises(InterruptedError):
        client.get_item(TableName="t", Key={"PK": {"S": "p"}})
    [theirs] = made
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in theirs.headers.items()}
    authorization = headers.pop("Authorization")
    signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")

    Client(timeout_seconds=1).send(
        "dynamodb",
        "eu-west-1",
        theirs.method,
        theirs.url,
        {name: value for name, value in headers.items() if name.lower() in signed},
        theirs.body,
    )

    [ours] = sent
    assert ours["headers"]["Authorization"] == authorization


@pytest.mark.parametrize("token", [None, "session/token=="])
@pytest.mark.parametrize("operation", ["put_object", "get_object"])
def test_a_signed_address_is_the_one_that_botocore_s_client_makes(
    monkeypatch: pytest.MonkeyPatch, operation: str, token: str | None
) -> None:
    sign_in(monkeypatch, token)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    key, disposition = "uploads/w/test/CO1/0ABC", "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%20%281%29.pdf"
    parameters = {"Bucket": "a-bucket-1", "Key": key} | (
        {"ContentType": "application/pdf"}
        if operation == "put_object"
        else {
            "ResponseContentType": "application/pdf",
            "ResponseContentDisposition": disposition,
            "ResponseCacheControl": "private, max-age=300",
        }
    )
    config = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    client: Any = get_session().create_client("s3", region_name="eu-west-1", config=config)
    theirs = urlsplit(client.generate_presigned_url(operation, parameters, ExpiresIn=300))

    bucket = Bucket("a-bucket-1", "eu-west-1", Client(timeout_seconds=1))
    ours = urlsplit(
        bucket.sign_put(key, "application/pdf", 300)
        if operation == "put_object"
        else bucket.sign_get(key, "application/pdf", disposition, 300)
    )

    assert ours[:3] == theirs[:3]
    assert parse_qs(ours.query) == parse_qs(theirs.query)


def test_credentials_that_change_sign_the_next_request(
    monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]]
) -> None:
    client = Client(timeout_seconds=1)
    for key in ("AKIAONE", "AKIATWO"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        client.send("dynamodb", "eu-west-1", "POST", "https://dynamodb.eu-west-1.amazonaws.com/", {})

    assert [request["headers"]["Authorization"].split("=")[1].split("/")[0] for request in sent] == [
        "AKIAONE",
        "AKIATWO",
    ]


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": _TRACE}, _TRACE.replace("|", "%7C")),
        ({"_X_AMZN_TRACE_ID": _TRACE}, None),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f"}, None),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": ""}, None),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": "a\r\nb: c"}, "a%0D%0Ab:%20c"),
    ],
)
def test_lambda_s_trace_is_passed_on_as_botocore_does(
    monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]], variables: dict[str, str], header: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    Client(timeout_seconds=1).send("sqs", "eu-west-1", "POST", "https://sqs.eu-west-1.amazonaws.com/", {})

    [request] = sent
    assert request["headers"].get("X-Amzn-Trace-Id") == header
    assert "trace" not in request["headers"]["Authorization"]
