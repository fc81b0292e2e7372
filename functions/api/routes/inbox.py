"""The inbox: a website's conversations."""

from support.responses import InboxAnswer, conversation_answer
from support.values.cursors import encode

from api.domain.inbox import list_inbox
from api.http.requests.queries import InboxQuery
from api.route import Description, Request, Route, Services, Success
from api.routes.words import PREVIEWS, PRIVATE, READING


def _list(request: Request[InboxQuery, None], services: Services) -> Success:
    page = list_inbox(request.caller, request.query, services.conversations)
    request.report.read("listInbox", len(page.conversations), request.query.limit)
    answer: InboxAnswer = {
        "items": [
            conversation_answer(conversation, page.last_messages.get(conversation.pk), "private")
            for conversation in page.conversations
        ],
        "nextCursor": None if page.next_key is None else encode(page.next_key),
    }
    return Success(answer)


LIST = Route(
    id="listInbox",
    method="GET",
    path="/v1/conversations/inbox",
    keys="private",
    is_counted=False,
    about="none",
    query=InboxQuery,
    body=None,
    answer=InboxAnswer,
    run=_list,
    description=Description(
        summary="List the inbox",
        text="The conversations of the website, of all statuses or of one, by `updatedAt` and id, the last changed "
        "first, as they are now. A change normally shows within a second. No conversation is twice on one walk of "
        "pages; one that moves to the top during the walk may be missed by it.\n\n" + PREVIEWS,
        answered="The conversations, and how to read on.",
        refusals={**READING, **PRIVATE, 400: "A parameter is not valid: `details` says which and what is expected."},
    ),
)
