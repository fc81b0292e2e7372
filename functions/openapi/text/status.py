"""Texts: resolving a conversation, reopening it, and marking it as spam or not."""

from collections.abc import Mapping

from openapi.description import Description
from openapi.text.common import ACTOR_HEADER, CONVERSATION_ID, NO_SUCH_CONVERSATION, PRIVATE, READING, REPLAYED

_CONFLICT = {409: "The conversation has another status, from which this does not lead."}


def _describe(summary: str, text: str, conflict: Mapping[int, str] = _CONFLICT) -> Description:
    return Description(
        summary=summary,
        text=f"{text} A private item of type `event` says who did so, and is written together with the status. On one "
        "that has the status already, nothing changes.",
        parameters=(CONVERSATION_ID, ACTOR_HEADER),
        response="The conversation.",
        response_headers=REPLAYED,
        refusals={
            **READING,
            **PRIVATE,
            400: "`X-Actor-User-Id` is not valid.",
            404: NO_SUCH_CONVERSATION,
            **conflict,
            413: "The conversation holds as much as the database takes.",
        },
    )


TEXTS = {
    "resolveConversation": _describe("Resolve a conversation", "Closes an open conversation."),
    "reopenConversation": _describe("Reopen a conversation", "Opens a resolved conversation again."),
    # From any status there is a way to spam.
    "markAsSpam": _describe("Mark a conversation as spam", "Takes an open or resolved conversation for spam.", {}),
    "markAsNotSpam": _describe("Take a conversation out of spam", "Opens a conversation that was spam."),
}
