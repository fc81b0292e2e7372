"""Who may connect, and as whom."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol

from support.authentication import Credential, credential_of, find_key, key_missing, require_allowed_origin
from support.deadlines import Deadline, unavailable
from support.errors import Code, Detail, Refusal
from support.front import Front
from support.ids import ID, NOT_A_ULID, NOT_AN_ID, ULID
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.validation import invalid
from support.values.api_key import ApiKey, hash_secret
from support.values.connection import KEPT_SECONDS, Connection

from sockets.events import Handshake


class Welcome(Protocol):
    """Says to a client that it is connected, once it is."""

    def __call__(self, connection_id: str) -> bool:
        """Arrange it, and tell whether that worked."""


class Handshakes:
    """Lets clients connect, or refuses them before they are.

    Parameters
    ----------
    limiter
        Counts handshakes with public keys by address.
    welcome
        Arranges what follows a handshake: until it has been answered, nothing can be sent to the client.
    clock
        Epoch seconds.
    front
        What all handshakes must have come through, if there is one.
    """

    def __init__(
        self,
        keys: KeyRing,
        limiter: RateLimiter,
        connections: Connections,
        welcome: Welcome,
        clock: Callable[[], float],
        front: Front | None = None,
    ) -> None:
        self._keys = keys
        self._limiter = limiter
        self._connections = connections
        self._welcome = welcome
        self._clock = clock
        self._front = front

    def connect(self, handshake: Handshake, deadline: Deadline) -> Connection:
        """Record a connection, and return it.

        Raises `Refusal`: FRONT_REQUIRED before all others, API_KEY_MISSING, what `find_key` and
        `require_allowed_origin` raise, WEBSITE_MISMATCH, VISITOR_ID_REQUIRED, VALIDATION_FAILED, RATE_LIMITED or
        UNAVAILABLE.
        """
        if self._front is not None and not self._front.sent(handshake.headers):
            raise Refusal(Code.FRONT_REQUIRED, "The handshake did not come through the front.")
        credential = _credential_of(handshake)
        if credential is None:
            raise key_missing()
        key = self._authenticate(handshake, credential, deadline)
        forwarded_for = handshake.headers.get("x-forwarded-for", "")
        counter = self._limiter.counter(key, handshake.source_ip, forwarded_for)
        with nullcontext() if counter is None else self._limiter.counting(counter):
            connection = _connection(handshake, key, credential, self._clock())
            self._connections.add(connection, deadline)
            if not self._welcome(connection.id):
                # Clients try again after a refusal; one that heard of nothing would believe that it is not connected.
                self._connections.remove(connection.id, deadline)
                raise unavailable()
        return connection

    def _authenticate(self, handshake: Handshake, credential: Credential, deadline: Deadline) -> ApiKey:
        key = find_key(credential, self._keys, deadline)
        require_allowed_origin(handshake.headers, key)
        if handshake.query.get("websiteId", key.website_id) != key.website_id:
            raise Refusal(Code.WEBSITE_MISMATCH, "The websiteId is not that of the API key.")
        return key


def _credential_of(handshake: Handshake) -> Credential | None:
    """Return the key of a handshake; one in a header comes before one in the address."""
    if credential := credential_of(handshake.headers):
        return credential
    if token := handshake.query.get("token"):
        return Credential(token, "private")
    public_key = handshake.query.get("publicKey")
    return Credential(public_key, "public") if public_key else None


def _connection(handshake: Handshake, key: ApiKey, credential: Credential, now: float) -> Connection:
    is_visitor = key.type == "public"
    return Connection(
        id=handshake.connection_id,
        website_id=key.website_id,
        organization_id=key.organization_id,
        mode=key.mode,
        key_hash=hash_secret(credential.secret),
        connected_at=int(now * 1000),
        ttl=int(now) + KEPT_SECONDS,
        visitor_id=_visitor(handshake) if is_visitor else None,
        user_id=None if is_visitor else _actor(handshake),
    )


def _visitor(handshake: Handshake) -> str:
    visitor_id = handshake.headers.get("x-visitor-id") or handshake.query.get("visitorId")
    if not visitor_id:
        raise Refusal(Code.VISITOR_ID_REQUIRED, "Please send a visitorId in the address.")
    return _matching(ULID, visitor_id, Detail("visitorId", NOT_A_ULID))


def _actor(handshake: Handshake) -> str | None:
    user_id = handshake.headers.get("x-actor-user-id") or handshake.query.get("actorUserId")
    return _matching(ID, user_id, Detail("actorUserId", NOT_AN_ID)) if user_id else None


def _matching(pattern: str, value: str, otherwise: Detail) -> str:
    if re.fullmatch(pattern, value) is None:
        raise invalid([otherwise])
    return value
