"""All routes of the API, in the order in which the document shows them."""

from api.route import AnyRoute
from api.routes import (
    conversations,
    inbox,
    messages,
    ratings,
    seen,
    status,
    support_state,
    timelines,
    typing,
    visitors,
    websites,
)

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
    websites.GET,
    support_state.GET,
    visitors.PATCH,
    visitors.TELL,
    visitors.TELL_OWN,
    visitors.GET,
    visitors.BLOCK,
    visitors.UNBLOCK,
)
