"""All routes of the API, in the order in which the document shows them."""

from api.route import AnyRoute
from api.routes import conversations, inbox, messages, ratings, removals, seen, status, timelines, typing, websites

ROUTES: tuple[AnyRoute, ...] = (
    conversations.CREATE,
    conversations.LIST,
    inbox.LIST,
    conversations.GET,
    conversations.PATCH,
    timelines.GET,
    messages.SEND,
    seen.SEE,
    seen.GET,
    typing.SIGNAL,
    ratings.RATE,
    status.RESOLVE,
    status.REOPEN,
    status.SPAM,
    status.NOT_SPAM,
    removals.ITEM,
    removals.CONVERSATION,
    websites.GET,
)
