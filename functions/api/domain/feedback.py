"""Feedback: giving it, and listing it."""

from typing import NamedTuple

from support.caller import Caller, find
from support.store.feedback import FeedbackPage
from support.store.stores import Stores
from support.values import timestamps
from support.values.feedback import Feedback

from api.domain.idempotency import canonical
from api.domain.ids import derived_feedback_id
from api.domain.people import find_people
from api.http.requests.feedback import FeedbackQuery, FeedbackRequest


class Given(NamedTuple):
    """Stored feedback; `replayed` is true if the visitor gave the same one earlier that day."""

    feedback: Feedback
    replayed: bool


def give_feedback(caller: Caller, request: FeedbackRequest, stores: Stores) -> Given:
    """Store a visitor's feedback; the same one again, on the same day in UTC, changes nothing.

    Raises `Refusal`: HTTP_404 for a conversation that is not the visitor's, VISITOR_BLOCKED or UNAVAILABLE.
    """
    key, visitor_id, now = caller.key, caller.visitor, timestamps.now()
    if request.conversation_id is not None:
        find(caller, request.conversation_id, stores)
    visitor = find_people(caller, [visitor_id], stores)[visitor_id].visitor
    source = request.source or "widget"
    said = [request.rating, source, request.topic, request.comment, request.trigger, request.conversation_id]
    feedback = Feedback(
        id=derived_feedback_id(key, visitor_id, now[:10], canonical(said)),
        website_id=key.website_id,
        organization_id=key.organization_id,
        mode=key.mode,
        visitor_id=visitor_id,
        rating=request.rating,
        source=source,
        created_at=now,
        topic=request.topic,
        comment=request.comment,
        trigger=request.trigger,
        conversation_id=request.conversation_id,
        contact_id=None if visitor is None else visitor.contact_id,
    )
    stored = stores.feedback.add(feedback, key.type, caller.deadline)
    return Given(feedback if stored is None else stored, replayed=stored is not None)


def list_feedback(caller: Caller, query: FeedbackQuery, stores: Stores) -> FeedbackPage:
    """List a page of the website's feedback. Raises `Refusal` (UNAVAILABLE)."""
    key = caller.key
    return stores.feedback.read_page(key.website_id, key.mode, query.limit, caller.deadline, after=query.cursor)
