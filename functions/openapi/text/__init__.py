"""The texts of all routes in the OpenAPI document, by the route's id."""

from openapi.description import Description
from openapi.text import (
    contacts,
    conversations,
    feedback,
    inbox,
    messages,
    ratings,
    removals,
    seen,
    status,
    support_state,
    timelines,
    typing,
    uploads,
    visitors,
    websites,
)

TEXTS: dict[str, Description] = {
    **conversations.TEXTS,
    **inbox.TEXTS,
    **timelines.TEXTS,
    **messages.TEXTS,
    **seen.TEXTS,
    **typing.TEXTS,
    **uploads.TEXTS,
    **ratings.TEXTS,
    **status.TEXTS,
    **removals.TEXTS,
    **websites.TEXTS,
    **support_state.TEXTS,
    **contacts.TEXTS,
    **visitors.TEXTS,
    **feedback.TEXTS,
}
