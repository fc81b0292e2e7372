"""All routes of the API, in the order in which the document shows them."""

from typing import Any

from api.route import Route
from api.routes import conversations

ROUTES: tuple[Route[Any], ...] = (conversations.CREATE,)
