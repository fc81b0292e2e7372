"""Support state: what widgets ask for beside the website."""

from support.observability import Metric
from support.responses import SupportStateResponse
from support.store.stores import Stores

from api.http.success import Success
from api.route import Request, Route

_STATE: SupportStateResponse = {"featureFlags": [], "onboarding": {"steps": {}}}


def _get(_request: Request[None, None], _stores: Stores) -> Success:
    return Success(_STATE)


GET = Route(
    id="getSupportState",
    keys="any",
    visitor_required="never",
    response=SupportStateResponse,
    run=_get,
    metric=Metric.READ,
)
