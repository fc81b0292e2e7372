"""What the gateway, or this function itself, sends: events, read into what the rules know."""

from collections.abc import Mapping
from typing import Any, NamedTuple

#: In an event that the function sends to itself, the id of a connection that has been made.
ESTABLISHED = "established"


class Handshake(NamedTuple):
    """A client that wants to connect.

    What was sent twice, a header or a parameter, has its values joined by a comma. Header names are in lower case.
    `source_ip` is the address that the gateway saw.
    """

    connection_id: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    source_ip: str


class Message(NamedTuple):
    """A message of a client; None is one that is no text."""

    connection_id: str
    text: str | None


class Closed(NamedTuple):
    """A connection that has ended."""

    connection_id: str


class Established(NamedTuple):
    """A connection whose handshake has been answered, or will be in a moment."""

    connection_id: str


Event = Handshake | Message | Closed | Established


def read(event: object) -> Event | None:
    """Read an event; None for one of another kind, such as a warm-up."""
    sent = _object(event)
    if isinstance(established := sent.get(ESTABLISHED), str):
        return Established(established)
    about = _object(sent.get("requestContext"))
    connection_id = about.get("connectionId")
    if not isinstance(connection_id, str):
        return None
    match about.get("eventType"):
        case "CONNECT":
            headers, query = _joined(sent, "multiValueHeaders"), _joined(sent, "multiValueQueryStringParameters")
            headers = {name.lower(): value for name, value in headers.items()}
            return Handshake(connection_id, headers, query, str(_object(about.get("identity")).get("sourceIp")))
        case "DISCONNECT":
            return Closed(connection_id)
        case "MESSAGE":
            body = sent.get("body")
            is_text = isinstance(body, str) and sent.get("isBase64Encoded") is not True
            return Message(connection_id, body if is_text else None)
    return None


def request_id(event: object) -> str | None:
    """Return the id that the gateway's own log has of a request."""
    sent = _object(_object(event).get("requestContext")).get("requestId")
    return sent if isinstance(sent, str) else None


def _joined(event: Mapping[str, Any], name: str) -> dict[str, str]:
    return {key: ",".join(map(str, values)) for key, values in _object(event.get(name)).items()}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
