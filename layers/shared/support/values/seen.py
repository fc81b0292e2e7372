"""A team member's read receipt: the value and its stored form.

The visitor's read receipt is a field of the conversation.
"""

from support.dynamodb.items import Item
from support.values.stored_form import VERSION, StoredForm, stored_value

SEEN_PREFIX = "SEEN#"
_USER_PREFIX = f"{SEEN_PREFIX}user#"


@stored_value
class Seen:
    """A team member's read receipt of a conversation; times are RFC 3339 in UTC with milliseconds."""

    user_id: str
    last_seen_at: str
    created_at: str

    def to_item(self, conversation: Item) -> Item:
        """Return the stored form; `conversation` has the attributes to copy (`Conversation.item_attributes`)."""
        return {**conversation, "SK": seen_sk(self.user_id), "form": VERSION, **_FORM.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "Seen":
        """Read the stored form."""
        return _FORM.read(item, user_id=str(item["SK"]).removeprefix(_USER_PREFIX))


_FORM = StoredForm(Seen, elsewhere={"user_id"})


def seen_sk(user_id: str) -> str:
    """Return the sort key of a team member's read receipt."""
    return _USER_PREFIX + user_id
