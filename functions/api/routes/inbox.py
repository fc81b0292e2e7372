"""The inbox: a website's conversations."""

from support.observability import Metric
from support.responses import InboxResponse, conversation_response
from support.store.stores import Stores
from support.values.cursors import encode

from api.domain.inbox import list_inbox
from api.domain.people import find_people
from api.http.requests.inbox import InboxQuery
from api.http.success import Success
from api.route import Request, Route


def _list(request: Request[InboxQuery, None], stores: Stores) -> Success:
    page = list_inbox(request.caller, request.query, stores)
    people = find_people(request.caller, (one.visitor_id for one in page.conversations), stores)
    response: InboxResponse = {
        "items": [
            conversation_response(
                conversation, page.last_messages.get(conversation.pk), "private", people[conversation.visitor_id]
            )
            for conversation in page.conversations
        ],
        "nextCursor": None if page.next_key is None else encode(page.next_key),
    }
    return Success(response, items=len(page.conversations))


LIST = Route(
    id="listInbox",
    keys="private",
    visitor_required="never",
    query=InboxQuery,
    response=InboxResponse,
    run=_list,
    metric=Metric.READ,
)
