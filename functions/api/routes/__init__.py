"""All routes of the API, in the order in which the document shows them."""

from api.route import AnyRoute
from api.routes import conversations, inbox, messages, ratings, seen, statuses, timelines, websites

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
    ratings.RATE,
    statuses.RESOLVE,
    statuses.REOPEN,
    statuses.SPAM,
    statuses.NOT_SPAM,
    websites.GET,
)
