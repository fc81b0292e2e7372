"""conversations/aws/client.py over real connections: TLS, proxies, keep-alive, and what counts as a response."""

import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.aws.client import Client, ConnectionClosed, NoResponse, NotConnected, Response
from support.deadlines import Deadline
from support.dynamodb.actions import Insert
from support.dynamodb.table import Table
from support.errors import Refusal


class Server(ThreadingHTTPServer):
    """Gives back what it gets, or what `responds` says; lists the requests, and counts the connections."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'' if tls is None else 's'}://localhost:{self.server_port}"
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.responds: Callable[[_Handler], None] = _Handler.echo

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.server.bodies.append(self.body)
        self.server.responds(self)

    def do_CONNECT(self) -> None:
        """Pass on bytes in both directions, as a proxy does for TLS."""
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join()
        self.close_connection = True

    def echo(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Server]:
    with serving() as proxy:
        yield proxy


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(timeout_seconds=5)
    yield client
    client.close()


def send(client: Client, url: str, body: bytes = b"hello") -> Response:
    return client.send("sqs", "eu-west-1", "POST", url, {}, body)


# TLS ------------------------------------------------------------------------------------------------------------------


@contextmanager
def over_tls(folder: Path, name: str = "localhost", days: int = 1) -> Iterator[tuple[Server, str]]:
    """Serve under a certificate for a host name, for so many days, and give the server with the file of its CA."""
    key, subject = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{name} {days}")]),
    )
    end = datetime.now(UTC) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - timedelta(days=9))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}-{days}.pem", folder / f"{name}-{days}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    with serving(context) as server:
        yield server, str(pem)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_certificate_of_a_configured_ca_is_accepted(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    with over_tls(tmp_path) as (server, bundle):
        monkeypatch.setenv(variable, bundle)

        assert send(client, server.url).body == b"hello"


def test_a_certificate_of_an_unknown_ca_is_refused_before_anything_is_sent(client: Client, tmp_path: Path) -> None:
    with over_tls(tmp_path) as (server, _):
        with pytest.raises(NoResponse, match="SSLError"):
            send(client, server.url)

        assert server.requests == []


def test_aws_s_variable_for_the_ca_comes_first(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with over_tls(tmp_path) as (server, bundle), over_tls(tmp_path, days=2) as (_, other):
        monkeypatch.setenv("AWS_CA_BUNDLE", other)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)

        with pytest.raises(NoResponse, match="SSLError"):
            send(client, server.url)


@pytest.mark.parametrize(("name", "days"), [("other.test", 1), ("localhost", -1)], ids=["another host's", "expired"])
def test_a_wrong_certificate_of_a_known_ca_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, days: int
) -> None:
    with over_tls(tmp_path, name, days) as (server, bundle):
        monkeypatch.setenv("AWS_CA_BUNDLE", bundle)

        with pytest.raises(NoResponse, match="SSLError"):
            send(client, server.url)

        assert server.requests == []


def test_the_cas_are_read_once_and_before_a_request(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So that a restored snapshot, whose connections are gone, has read them."""
    with over_tls(tmp_path) as (server, bundle):
        monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
        client.prepare(server.url)
        Path(bundle).unlink()

        for _ in range(2):
            assert send(client, server.url).body == b"hello"
            client.close()

        assert server.connections == 2


# Proxies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http://", "", "http://user:p%40ss@"])
def test_https_goes_through_a_proxy_that_sees_its_host_alone(
    client: Client, proxy: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    with over_tls(tmp_path) as (server, bundle):
        monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}localhost:{proxy.server_port}")

        responses = [send(client, f"{server.url}/path") for _ in range(2)]
        client.close()

        assert [response.body for response in responses] == [b"hello"] * 2
        [(method, target, headers)] = proxy.requests
        assert (method, target) == ("CONNECT", server.url.removeprefix("https://"))
        assert headers.get("Proxy-Authorization") == ("Basic dXNlcjpwQHNz" if "@" in scheme else None)
        assert [path for _, path, _ in server.requests] == ["/path"] * 2
        assert not [name for _, _, sent in server.requests for name in sent if name.lower().startswith("proxy")]


def test_a_proxy_over_tls_needs_a_certificate_of_a_known_ca(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with over_tls(tmp_path) as (server, bundle), over_tls(tmp_path, days=2) as (proxy, other):
        both = tmp_path / "both.pem"
        both.write_text(Path(bundle).read_text() + Path(other).read_text())
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(both))
        assert send(client, server.url).body == b"hello"

        monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
        with pytest.raises(NotConnected, match="ProxyError"):
            send(Client(timeout_seconds=5), server.url)

        assert [method for method, _, _ in proxy.requests] == ["CONNECT"]
        client.close()


def test_http_goes_through_a_proxy_that_is_told_the_whole_url(
    client: Client, proxy: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)

    send(client, "http://sqs.test/queue?a=1")

    [(_, target, headers)] = proxy.requests
    assert (target, headers["Host"]) == ("http://sqs.test/queue?a=1", "sqs.test")


@pytest.mark.parametrize("variables", [{"HTTPS_PROXY": "http://localhost:1"}, {"NO_PROXY": "localhost"}], ids=str)
def test_a_request_that_is_no_proxy_s_goes_its_own_way(
    client: Client, server: Server, proxy: Server, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    if "NO_PROXY" in variables:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert send(client, server.url).body == b"hello"
    assert proxy.requests == []


def test_a_proxy_out_of_reach_is_no_connection(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as gone:
        pass
    monkeypatch.setenv("HTTP_PROXY", gone.url)

    with pytest.raises(NotConnected, match="ProxyError"):
        send(client, "http://sqs.test")


# Connections ----------------------------------------------------------------------------------------------------------


def test_a_connection_is_kept_until_it_is_closed(client: Client, server: Server) -> None:
    for _ in range(3):
        send(client, server.url)
    assert server.connections == 1

    client.close()
    send(client, server.url)

    assert server.connections == 2


def test_threads_share_a_client_and_get_their_own_responses(client: Client, server: Server) -> None:
    bodies = [b"%d" % number * 100 for number in range(80)]
    at_once = threading.Barrier(8)

    def echo_together(handler: _Handler) -> None:
        at_once.wait(10)
        handler.echo()

    server.responds = echo_together
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda body: send(client, server.url, body).body, bodies))

    assert responses == bodies
    assert server.connections == 8


def test_requests_go_on_while_another_thread_closes_the_connections(client: Client, server: Server) -> None:
    def close_or_send(number: int) -> bytes | None:
        if number % 5 == 0:
            client.close()
            return None
        try:
            return send(client, server.url, b"%d" % number).body
        except NoResponse as error:  # the connections were closed right then
            return str(error).encode()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(close_or_send, range(300)))

    assert set(results) <= {None, b"ClosedPoolError", *(b"%d" % number for number in range(300))}


def test_a_connection_that_ended_while_it_was_idle_is_replaced_unseen(client: Client, server: Server) -> None:
    ended = threading.Event()

    def end(handler: _Handler) -> None:
        handler.echo()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
        ended.set()

    server.responds = end
    for _ in range(3):
        assert send(client, server.url).body == b"hello"
        assert ended.wait(5)
        ended.clear()

    assert server.connections == 3


def close_upon_request(handler: _Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def test_a_connection_that_is_closed_upon_a_request_is_named_and_not_repeated(client: Client, server: Server) -> None:
    send(client, server.url)
    server.responds = close_upon_request

    with pytest.raises(ConnectionClosed):
        send(client, server.url)

    assert len(server.requests) == 2


def test_a_server_that_is_not_there_gets_nothing(client: Client) -> None:
    with serving() as gone:
        pass

    with pytest.raises(NotConnected, match="NewConnectionError"):
        send(client, gone.url)


def test_a_host_without_an_address_gets_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr("socket.getaddrinfo", unknown)

    with pytest.raises(NotConnected, match="NameResolutionError"):
        send(client, "http://nowhere.test")


def test_a_silent_server_is_given_up(server: Server) -> None:
    given_up = threading.Event()

    def say_nothing(handler: _Handler) -> None:
        given_up.wait(5)
        handler.close_connection = True

    server.responds = say_nothing
    client = Client(timeout_seconds=0.1)

    with pytest.raises(NoResponse, match="ReadTimeoutError"):
        send(client, server.url)

    given_up.set()
    client.close()


def test_no_credentials_are_no_response(client: Client, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    with pytest.raises(NoResponse, match="NoCredentialsError"):
        send(client, server.url)

    assert server.requests == []


# Responses ------------------------------------------------------------------------------------------------------------


def says(raw: bytes) -> Callable[[_Handler], None]:
    def respond(handler: _Handler) -> None:
        handler.wfile.write(raw)
        close_upon_request(handler)

    return respond


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 403, 404, 413, 429, 500, 503])
def test_a_whole_response_is_returned_whatever_its_status(client: Client, server: Server, status: int) -> None:
    """None is followed or repeated, and no body is decoded: a checksum is of what was sent."""
    body = b"" if status == 204 else b"\x1f\x8b body"
    head = f"HTTP/1.1 {status} X\r\nX-Own: 1\r\nLocation: /other\r\nRetry-After: 1\r\nContent-Encoding: gzip\r\n"
    server.responds = says(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    response = send(client, server.url)

    assert (response.status, response.headers["x-own"], response.body) == (status, "1", body)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhe",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nhe",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"\xff" * 100,
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_what_is_no_whole_response_is_none(client: Client, server: Server, raw: bytes) -> None:
    server.responds = says(raw)
    fault = ""

    try:  # `pytest.raises` would keep the traceback, and with it urllib3's socket
        send(client, server.url)
    except NoResponse as error:
        fault = str(error)

    assert re.fullmatch(r"[A-Za-z]+", fault)


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n", b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"])
def test_no_logger_has_the_path_of_a_request(
    client: Client, server: Server, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    """The key of a file is in it, by which anybody reads the file."""
    caplog.set_level(logging.DEBUG)
    server.responds = says(raw)

    with suppress(NoResponse):
        send(client, f"{server.url}/canary")

    assert [path for _, path, _ in server.requests] == ["/canary"]
    assert "canary" not in caplog.text


# The table over it ----------------------------------------------------------------------------------------------------


@pytest.fixture
def table(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """A table whose first connection is made, and whose server closes it upon the next request."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
    table = Table("t", timeout_seconds=10)

    def once(handler: _Handler) -> None:
        server.responds = _written
        close_upon_request(handler)

    server.responds = _written
    table.transact([Insert({"PK": "p", "SK": "s"})], Deadline.after(60))
    server.responds = once
    server.bodies.clear()
    yield table
    table.disconnect()


def _written(handler: _Handler) -> None:
    raw = b'{"ConsumedCapacity": [{"CapacityUnits": 1.0}]}'
    handler.send_response(200)
    handler.send_header("x-amz-crc32", str(crc32(raw)))
    handler.send_header("Content-Length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)


def test_a_transaction_upon_which_the_connection_was_closed_is_sent_again_as_it_was(
    table: Table, server: Server
) -> None:
    table.transact([Insert({"PK": "p", "SK": "s"})], Deadline.after(60))

    first, second = server.bodies
    assert first == second
    assert b"ClientRequestToken" in first
    assert table.usage.faults == ["ConnectionClosed"]


def test_a_count_upon_which_the_connection_was_closed_is_not_sent_again(table: Table, server: Server) -> None:
    with pytest.raises(Refusal):
        table.increment(("p", "s"), 1)

    assert len(server.bodies) == 1
