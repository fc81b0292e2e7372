"""Texts: timelines."""

from openapi.description import Description
from openapi.text.common import CONVERSATION_ID, NO_SUCH_CONVERSATION, ORIGIN_HEADER, READING, VISITOR_HEADER

TEXTS = {
    "getTimeline": Description(
        summary="Read a conversation's timeline",
        text="A page of the items of a conversation. The first page is that of the newest items, `nextCursor` leads to "
        "the next older one, and within a page the oldest item comes first. Following it gives each item that was "
        "there at the first page once. Every item that was answered with 200 before is there.\n\n"
        "`after` goes the other way: to what has come since an item, the oldest first. `hasNextPage` then says whether "
        "there is more, and `nextCursor` is null: ask again with the id of the last item. Where nothing has come it is "
        "the cheapest call of all, so a client without a socket can make it every few seconds. It does not tell of an "
        "import that is dated before the item.\n\n"
        "The order is that of `createdAt`, and where that is equal the one in which items were written. With a public "
        "key there are no private items, and a page has `limit` of the others. A page has fewer items where the answer "
        "would pass 5 MB.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        response="The items, and how to read on.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
}
