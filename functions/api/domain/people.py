"""People: who the visitors of conversations are."""

from collections.abc import Iterable, Mapping

from support.caller import Caller
from support.store.stores import Stores
from support.values.conversation import Conversation
from support.values.visitor import Person


def find_people(caller: Caller, visitor_ids: Iterable[str], stores: Stores) -> Mapping[str, Person]:
    """Read who visitors are, by their ids. Raises `Refusal` (UNAVAILABLE)."""
    return stores.visitors.read_many(caller.key.website_id, caller.key.mode, visitor_ids, caller.deadline)


def people_for(caller: Caller, conversations: Iterable[Conversation], stores: Stores) -> Mapping[str, Person] | None:
    """Read who the visitors of conversations are, as the team sees them; None for a public key, which is not told.

    Raises `Refusal` (UNAVAILABLE).
    """
    if caller.key.type == "public":
        return None
    return find_people(caller, (one.visitor_id for one in conversations), stores)
