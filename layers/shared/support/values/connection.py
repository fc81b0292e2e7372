"""A client's WebSocket connection: the value and its stored form.

Connections have a table of their own. Each is two items: one under those who are told of something, by which it is
found when that happens, and one under its own id, which is all that a message or the end of a connection names.
"""

from dataclasses import field

from support.dynamodb.items import Item, Key
from support.values.api_key import KeyType, Mode
from support.values.conversation import visitor_pk
from support.values.stored_form import VERSION, StoredForm, stored_value

#: API Gateway ends a connection after two hours (API Gateway quotas, "Connection duration for WebSocket API"), and it
#: does not always say so. A record is kept a little longer, for clocks that differ.
KEPT_SECONDS = 2 * 60 * 60 + 10 * 60


@stored_value
class Connection:
    """A connection that was opened with an API key: of one visitor, or of a website's team.

    `key_hash` is that of the key's secret, by which the key is read again. `visitor_id` is None with a private key;
    `user_id` is the team member who connected with one, if the client named them. `connected_at` is in epoch
    milliseconds, `ttl` the epoch second after which the record counts as none.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    key_hash: str = field(repr=False)
    connected_at: int
    ttl: int
    visitor_id: str | None = field(default=None, repr=False)
    user_id: str | None = None

    @property
    def key_type(self) -> KeyType:
        """The kind of key that it was opened with."""
        return "private" if self.visitor_id is None else "public"

    @property
    def key(self) -> Key:
        """The key of the item by which it is found when there is something to send."""
        if self.visitor_id is None:
            return team_pk(self.website_id, self.mode), self.id
        return visitor_pk(self.website_id, self.mode, self.visitor_id), self.id

    def to_items(self) -> list[Item]:
        """Return the stored form: the same attributes under both of its keys."""
        return [
            {"PK": pk, "SK": sk, "form": VERSION, **_FORM.write(self)} for pk, sk in (self.key, connection_key(self.id))
        ]

    @classmethod
    def from_item(cls, item: Item) -> "Connection":
        """Read one of the items of the stored form."""
        return _FORM.read(item)


_FORM = StoredForm(Connection)


def team_pk(website_id: str, mode: Mode) -> str:
    """Return the partition of the connections of a website's team."""
    return f"TEAM#{website_id}#{mode}"


def connection_key(connection_id: str) -> Key:
    """Return the key of the item under a connection's own id."""
    return f"CONNECTION#{connection_id}", "CONNECTION"
