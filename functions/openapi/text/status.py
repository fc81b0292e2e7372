"""Texts: resolving a conversation, reopening it, and marking it as spam or not."""

from collections.abc import Mapping

from openapi.description import Description
from openapi.text.common import ACTOR_HEADER, CONVERSATION_ID, NO_SUCH_CONVERSATION, PRIVATE, READING, REPLAYED

_CONFLICT = {409: "The conversation's status does not allow this change."}


def _describe(summary: str, text: str, conflict: Mapping[int, str] = _CONFLICT) -> Description:
    return Description(
        summary=summary,
        text=f"{text} A private item of type `event` says who did so, and is written together with the status. If the "
        "conversation already has the status, nothing changes.",
        parameters=(CONVERSATION_ID, ACTOR_HEADER),
        response="The conversation.",
        response_headers=REPLAYED,
        refusals={
            **READING,
            **PRIVATE,
            400: "`X-Actor-User-Id` is not valid.",
            404: NO_SUCH_CONVERSATION,
            **conflict,
            413: "The conversation has reached the maximum size.",
        },
    )


TEXTS = {
    "resolveConversation": _describe("Resolve a conversation", "Closes an open conversation."),
    "reopenConversation": _describe("Reopen a conversation", "Opens a resolved conversation again."),
    # Any status can change to spam.
    "markAsSpam": _describe("Mark a conversation as spam", "Marks an open or resolved conversation as spam.", {}),
    "markAsNotSpam": _describe("Mark a conversation as not spam", "Reopens a conversation that was marked as spam."),
}
