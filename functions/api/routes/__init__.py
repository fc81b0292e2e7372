"""The entries of routes, each in the module of its noun."""

from functools import cache
from importlib import import_module

from api.registrations import REGISTRATIONS
from api.route import AnyRoute, Route


@cache
def load(route_id: str) -> AnyRoute:
    """Return the entry of a route, and import its module if this is the first call for one of its routes."""
    module = import_module(f"api.routes.{REGISTRATIONS[route_id].module}")
    [entry] = (value for value in vars(module).values() if isinstance(value, Route) and value.id == route_id)
    return entry


def all_routes() -> tuple[AnyRoute, ...]:
    """Return all entries, in the order in which the document shows them."""
    return tuple(map(load, REGISTRATIONS))
