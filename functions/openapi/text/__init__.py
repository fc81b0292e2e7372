"""The texts of all routes, by the route's id: what people read of it in the OpenAPI document."""

from openapi.description import Description
from openapi.text import conversations, inbox, messages, ratings, seen, status, timelines, typing, websites

TEXTS: dict[str, Description] = {
    **conversations.TEXTS,
    **inbox.TEXTS,
    **timelines.TEXTS,
    **messages.TEXTS,
    **seen.TEXTS,
    **typing.TEXTS,
    **ratings.TEXTS,
    **status.TEXTS,
    **websites.TEXTS,
}
