"""Texts: taking away what an item says, and erasing a conversation."""

from openapi.description import Description
from openapi.text.common import ACTOR_HEADER, CONVERSATION_ID, NO_SUCH_CONVERSATION, PRIVATE, READING, REPLAYED

_ITEM_ID = {
    "name": "itemId",
    "in": "path",
    "required": True,
    "description": "The id of the item.",
    "schema": CONVERSATION_ID["schema"],
}
_REFUSALS = {**READING, **PRIVATE, 400: "`X-Actor-User-Id` is not valid."}

TEXTS = {
    "deleteTimelineItem": Description(
        summary="Remove what an item says",
        text="Removes the content of an item for good: a card number, or a text that was pasted by mistake. From the "
        "response on it is in no page of the timeline and no `lastTimelineItem`, which becomes the newest message "
        "that is left. Its id stays taken: whatever is sent under it gets the item without content, with `deletedAt`. "
        "If the content was removed before, nothing changes.",
        parameters=(CONVERSATION_ID, _ITEM_ID, ACTOR_HEADER),
        response="The item, without content.",
        response_headers=REPLAYED,
        refusals={
            **_REFUSALS,
            404: f"There is no such item, or: {NO_SUCH_CONVERSATION[0].lower()}{NO_SUCH_CONVERSATION[1:]}",
        },
    ),
    "deleteConversation": Description(
        summary="Erase a conversation",
        text="Erases a conversation for good, with all of its items. From the response on it does not exist for any "
        "caller, so a repeated call gets a 404. What is stored of it is deleted soon after; until then, opening a "
        "conversation under its id gets a 503, and after that the id is free.",
        parameters=(CONVERSATION_ID,),
        response="The conversation is gone, and is being erased.",
        refusals={**READING, **PRIVATE, 404: NO_SUCH_CONVERSATION},
    ),
}
