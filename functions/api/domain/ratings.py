"""Ratings: rating a resolved conversation."""

from dataclasses import replace
from typing import NamedTuple

from support.caller import Caller, find
from support.errors import Code, Refusal, visitor_blocked
from support.store.conversations import Stored
from support.store.stores import Stores
from support.values import timestamps
from support.values.conversation import status_for

from api.domain.events import new_event
from api.domain.idempotency import fingerprint
from api.domain.ids import new_ulid
from api.domain.writing import Done, Update, change
from api.http.requests.ratings import RatingRequest


class Rated(NamedTuple):
    """The time of the last rating; `replayed` is true if it was the same rating."""

    at: str
    replayed: bool


def rate(caller: Caller, conversation_id: str, request: RatingRequest, stores: Stores) -> Rated:
    """Store the visitor's rating of a resolved conversation, and add an event with the comment.

    Raises `Refusal`: HTTP_404, VISITOR_BLOCKED, CONVERSATION_NOT_RESOLVED or UNAVAILABLE.
    """
    # Depends on the type of key: a public key can't be used to confirm a guess of the comment that a server sent.
    rating = fingerprint(caller.key, {"rating": request.rating, "comment": request.comment})

    def decide(stored: Stored) -> Update[Rated] | Done[Rated]:
        before = stored.conversation
        # A retry succeeds, whatever the conversation's status is by now.
        if before.rating_fingerprint == rating:
            return Done(Rated(before.visitor_rating_at or before.updated_at, replayed=True))
        if found.visitor_blocked:
            raise visitor_blocked()
        if status_for(before.status, caller.key.type) != "resolved":
            raise Refusal(Code.CONVERSATION_NOT_RESOLVED, "Only a resolved conversation can be rated.")
        event = new_event(
            caller,
            before,
            {
                "type": "feedback",
                "feedbackId": new_ulid(),
                "rating": request.rating,
                "source": "widget" if caller.key.type == "public" else "api",
            },
            text=request.comment,
            visitor_id=before.visitor_id,
        )
        at = timestamps.after(before.visitor_rating_at or before.created_at)
        rated = replace(
            before, visitor_rating=request.rating, visitor_rating_at=at, rating_fingerprint=rating
        ).after_update([event], visible_to_visitor=True)
        return Update(before, rated, Rated(at, replayed=False), [event], unchanged=("status", "visitorRatingAt"))

    found = find(caller, conversation_id, stores, looks_at_gate=True)
    return change(caller, found, stores, decide)
