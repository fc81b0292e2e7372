"""Feedback: a visitor's opinion that is not the rating of a conversation, and its stored form.

It is stored in the visitor's partition, so that it is erased with the visitor, and listed by its website in the index
`inbox`.
"""

from support.dynamodb.items import Item
from support.values.api_key import Mode
from support.values.conversation import visitor_pk
from support.values.stored_form import VERSION, StoredForm, stored_value

#: What the sort keys of its rows begin with.
FEEDBACK_PREFIX = "FEEDBACK#"


@stored_value
class Feedback:
    """Feedback; `created_at` is RFC 3339 in UTC with milliseconds.

    The same feedback of a visitor has the same `id` all day long. `contact_id` is that of the contact that the visitor
    had, if any. `ttl` is the epoch second after which it is deleted, if ever.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    visitor_id: str
    rating: int
    source: str
    created_at: str
    topic: str | None = None
    comment: str | None = None
    trigger: str | None = None
    conversation_id: str | None = None
    contact_id: str | None = None
    ttl: int | None = None

    @property
    def inbox_sk(self) -> str:
        """The sort key in the index `inbox`."""
        return f"{self.created_at}#{self.id}"

    def to_item(self) -> Item:
        """Return the stored form."""
        return {
            "PK": visitor_pk(self.website_id, self.mode, self.visitor_id),
            "SK": FEEDBACK_PREFIX + self.id,
            "inboxPK": feedback_pk(self.website_id, self.mode),
            "inboxSK": self.inbox_sk,
            "form": VERSION,
            **_FORM.write(self),
        }

    @classmethod
    def from_item(cls, item: Item) -> "Feedback":
        """Read the stored form."""
        return _FORM.read(item)


_FORM = StoredForm(Feedback)


def feedback_pk(website_id: str, mode: Mode) -> str:
    """Return the partition of a website's feedback in the index `inbox`."""
    return f"FEEDBACK#{website_id}#{mode}"
