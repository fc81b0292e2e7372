"""Texts: timelines."""

from openapi.description import Description
from openapi.text.common import CONVERSATION_ID, NO_SUCH_CONVERSATION, ORIGIN_HEADER, READING, VISITOR_HEADER

TEXTS = {
    "getTimeline": Description(
        summary="Read a conversation's timeline",
        text="A page of the items of a conversation. The first page has the newest items, `nextCursor` leads to the "
        "next older page, and within a page the oldest item comes first. Following it returns each item that existed "
        "at the first page exactly once. Every item whose call got a 200 before is included.\n\n"
        "`after` goes the other way: it returns the items after a given one, the oldest first. `hasNextPage` then says "
        "whether there are more, and `nextCursor` is null: call again with the id of the last item. When there is "
        "nothing new it is the cheapest call of all, so a client without a socket can make it every few seconds. It "
        "leaves out imports that are dated before the given item.\n\n"
        "Items are ordered by `createdAt`, and then by the order in which they were written. With a public key, "
        "private items are left out and do not count for `limit`. A page has fewer items where the response would "
        "exceed 5 MB.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        response="A page of items, and the cursor to the next page.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
}
