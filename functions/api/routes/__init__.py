"""All routes of the API, in the order in which the document shows them."""

from api.route import AnyRoute
from api.routes import conversations, timelines

ROUTES: tuple[AnyRoute, ...] = (
    conversations.CREATE,
    conversations.LIST,
    conversations.GET,
    timelines.GET,
)
