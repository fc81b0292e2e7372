"""An instance that dies at any moment: the request is sent again until it is answered, and is carried out once."""

import itertools
import random

from api.routes import status as statuses
from api.routes.messages import SEND
from api.routes.ratings import RATE

from tests.builders import WEBSITE, a_body, a_message, an_event
from tests.calls import user, visitor
from tests.client import Response, Stored
from tests.integration.proofs.callers import Caller, Event
from tests.integration.proofs.invariants import timelines

REQUESTS = 50


def test_requests_whose_instance_is_killed_are_carried_out_once(
    dynamodb: str, seeded_table: str, stored: Stored, soak: int, seed_number: int
) -> None:
    choices = random.Random(seed_number)
    expected: dict[str, list[str]] = {}
    kills = 0
    instance = start(dynamodb, seeded_table)
    try:
        for number in range(REQUESTS * soak):
            name = f"killed-{number // 4}"
            texts = expected.setdefault(name, [])
            # The first creates the conversation, the others add to it, and say again what was said.
            texts += [f"{number}-{n}" for n in range(choices.randint(0 if texts else 1, 3))]
            items = [a_message(text, id=text) for text in texts]
            event = an_event(a_body(conversationId=name, defaultTimelineItems=items))
            # Below zero it dies at once, on the fastest machine too; on the slowest it is given enough time some day.
            response = attempt(instance, event, max(0, choices.uniform(-0.01, longest := 0.06)))
            while response is None:
                kills += 1
                instance.kill()
                instance = start(dynamodb, seeded_table)
                response = attempt(instance, event, choices.uniform(0, longest := longest * 2))
            assert [item["text"] for item in response.items] == texts
    finally:
        instance.kill()

    print(f"{REQUESTS * soak} requests, {kills} kills")  # noqa: T201
    assert kills > REQUESTS // 40
    found = timelines(stored())
    for name, texts in expected.items():
        assert [item.content["text"] for item in found[f"CONVERSATION#{WEBSITE}#test#{name}"]] == texts


def test_a_conversation_goes_on_once_though_its_instance_is_killed(
    dynamodb: str, seeded_table: str, stored: Stored, soak: int, seed_number: int
) -> None:
    choices = random.Random(seed_number)
    name, kills = "killed-going-on", 0
    # The company opens it, and what is sent again is found.
    opening = an_event(a_body(conversationId=name, defaultTimelineItems=[a_message("opened", id="opened")]))
    verbs = itertools.cycle([statuses.RESOLVE, statuses.REOPEN])
    instance = start(dynamodb, seeded_table)
    try:
        events = [("message", opening)]
        for number in range(REQUESTS * soak):
            # A visitor writes while it is open; a status changes each fifth time, and is rated when it is resolved.
            if number % 5 == 4:
                route = next(verbs)
                events.append(("event", an_event(None, user(), route=route, conversationId=name)))
            elif number % 10 == 5:
                body = {"rating": 1 + number // 10 % 5, "comment": str(number)}
                events.append(("event", an_event(body, visitor(), route=RATE, conversationId=name)))
            else:
                sent = {"conversationId": name, "item": a_message(f"{number}", id=f"{number}")}
                headers = visitor() if number % 10 < 4 else user()
                events.append(("message", an_event(sent, headers, route=SEND)))
        for _, event in events:
            response = attempt(instance, event, max(0, choices.uniform(-0.01, longest := 0.06)))
            while response is None:
                kills += 1
                instance.kill()
                instance = start(dynamodb, seeded_table)
                response = attempt(instance, event, choices.uniform(0, longest := longest * 2))
    finally:
        instance.kill()

    print(f"{len(events)} requests, {kills} kills")  # noqa: T201
    assert kills > REQUESTS // 40
    items = timelines(stored())[f"CONVERSATION#{WEBSITE}#test#{name}"]
    assert [item.type for item in items] == [kind for kind, _ in events]
    sent_bodies = [event["body"] for kind, event in events if kind == "message"]
    messages = [item for item in items if item.type == "message"]
    assert all(f'"id": "{item.id}"' in body for item, body in zip(messages, sent_bodies, strict=True))


def start(endpoint: str, table: str) -> Caller:
    instance = Caller(endpoint, table, timeout=60)
    instance.wait_until_ready()
    return instance


def attempt(instance: Caller, event: Event, seconds: float) -> Response | None:
    """Return the answer, or None if it does not come in that time; anything but a 200 is a failure."""
    instance.send(event)
    response = instance.response(seconds)
    assert response is None or response.status == 200, response.body
    return response
