"""Sends signed requests to AWS: returns a whole HTTP response, or raises `NoResponse`.

botocore finds credentials and proxies where the environment names any but keys; its own clients and signers would take
several times the instructions of a small request.
Nothing is retried here: only the caller knows what is safe to repeat, and for how long.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from socket import SO_KEEPALIVE, SOL_SOCKET
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import botocore
from urllib3 import HTTPConnectionPool, PoolManager, ProxyManager, Retry, Timeout
from urllib3.connection import HTTPConnection, port_by_scheme
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError, ProxyError

from support.aws.credentials import CredentialSource, NoCredentials
from support.aws.signatures import sign

_CAS = Path(botocore.__file__).with_name("cacert.pem")
_PROXIES = frozenset({"http_proxy", "https_proxy"})
#: Redirects are not followed either.
_NO_RETRIES = Retry(False)
_USER_AGENT = "conversations"


class NoResponse(Exception):
    """No complete response was received. Except for `NotConnected`, the request may have been carried out.

    The message names the fault and never quotes the request or the response.
    """


class NotConnected(NoResponse):
    """There was no connection, so nothing was sent."""


class ConnectionClosed(NoResponse):
    """The server closed the connection on the request, as it does if it was idle for too long."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response. Names of `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Sends requests over kept-alive connections. It is thread-safe.

    Parameters
    ----------
    timeout_seconds
        The timeout of connecting, and of each read.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = Timeout(connect=timeout_seconds, read=timeout_seconds)
        self._credentials = CredentialSource()
        self._pools: dict[tuple[str, str], _Pool] = {}

    def send(
        self, service: str, region: str, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        """Sign a request for a service, send it once, and return the response, of any status.

        `service` is its name in signatures: `dynamodb`, `execute-api`, `events`, `sqs`, `s3`. Raises `NoResponse`.
        """
        parts = urlsplit(url)
        try:
            pool = self._pool(parts)
            response = pool.connections.urlopen(
                method,
                url if pool.wants_whole_url else _target(parts),
                body or None,
                self._signed(service, region, method, parts, pool.host, headers, body),
                retries=_NO_RETRIES,
                assert_same_host=False,
                decode_content=False,
            )
        except (NewConnectionError, ConnectTimeoutError, ProxyError) as error:
            raise NotConnected(type(error).__name__) from None
        except ProtocolError as error:
            if any(isinstance(cause, ConnectionError) for cause in error.args):
                raise ConnectionClosed("ConnectionClosed") from None
            raise NoResponse(type(error).__name__) from None
        except HTTPError as error:
            raise NoResponse(type(error).__name__) from None
        except NoCredentials as error:
            raise NoResponse(str(error)) from None
        return Response(response.status, response.headers, response.data)

    def presign(self, region: str, method: str, url: str, headers: Mapping[str, str], seconds: int) -> str:
        """Return a URL of S3 that carries a signature, with which anybody may send this request for so many seconds.

        It ends with the credentials, where they expire sooner. The request must have these headers, as they are. Raises
        `NoResponse` without credentials.
        """
        # Few requests sign one.
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import ReadOnlyCredentials

        try:
            credentials = ReadOnlyCredentials(*self._credentials.current())
        except NoCredentials as error:
            raise NoResponse(str(error)) from None
        request = AWSRequest(method, url, dict(headers))
        S3SigV4QueryAuth(credentials, "s3", region, expires=seconds).add_auth(request)
        return str(request.url)

    def prepare(self, url: str) -> None:
        """Do the slowest part of a first request in advance: loading a bundle of CAs takes 25 ms."""
        self._pool(urlsplit(url))

    def close(self) -> None:
        """Close the connections; the next request opens its own."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.connections.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Checks certificates and host names, with the CAs of AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE or botocore."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        bundle = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
        context.load_verify_locations(bundle or _CAS)
        return context

    def _signed(
        self,
        service: str,
        region: str,
        method: str,
        parts: SplitResult,
        host: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> dict[str, str]:
        """Return the headers of a request with its signature, and the unsigned headers."""
        signed = dict(headers)
        sign(self._credentials.current(), service, region, method, parts, host, signed, body)
        trace_id = os.environ.get("_X_AMZN_TRACE_ID")
        if trace_id and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            # Lets Lambda detect a function that calls itself through other services (escaped as botocore does).
            signed["X-Amzn-Trace-Id"] = quote(trace_id, safe="-=;:+&[]{}\"',")
        signed["User-Agent"] = _USER_AGENT
        return signed

    def _pool(self, parts: SplitResult) -> "_Pool":
        """Return the connections to a host, through a proxy if HTTPS_PROXY, HTTP_PROXY and NO_PROXY say so."""
        origin = parts.scheme, parts.netloc
        if (pool := self._pools.get(origin)) is not None:
            return pool
        url = f"{parts.scheme}://{parts.netloc}"
        options: dict[str, Any] = {
            "timeout": self._timeout,
            "maxsize": 10,
            "socket_options": [*HTTPConnection.default_socket_options, (SOL_SOCKET, SO_KEEPALIVE, 1)],
        }
        if parts.scheme == "https":
            options["ssl_context"] = self._tls
        proxy, proxy_headers = _proxy(url)
        if proxy is not None:
            if proxy.startswith("https:"):
                options["proxy_ssl_context"] = self._tls
            manager: PoolManager = ProxyManager(proxy, proxy_headers=proxy_headers, **options)
        else:
            manager = PoolManager(**options)
        connections = manager.connection_from_url(url)
        has_port = parts.port not in {None, port_by_scheme[parts.scheme]}
        host = f"{connections.host}:{parts.port}" if has_port else connections.host
        pool = _Pool(connections, host, wants_whole_url=proxy is not None and parts.scheme == "http")
        # Another thread may have been first.
        return self._pools.setdefault(origin, pool)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Connections to a host, its name in the header Host, and whether request lines have the whole URL."""

    connections: HTTPConnectionPool
    host: str
    wants_whole_url: bool


def _proxy(url: str) -> tuple[str | None, Mapping[str, str]]:
    """Return the URL of the proxy that the environment names for a URL, and the headers for it."""
    if _PROXIES.isdisjoint(map(str.lower, os.environ)):
        return None, {}
    from botocore.httpsession import ProxyConfiguration
    from botocore.utils import get_environ_proxies

    proxies = ProxyConfiguration(get_environ_proxies(url))
    proxy: str | None = proxies.proxy_url_for(url)
    return proxy, {} if proxy is None else proxies.proxy_headers_for(proxy)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
