"""Texts: contacts."""

from openapi.description import Description
from openapi.text.common import ACTOR_HEADER, ORIGIN_HEADER, RATE_LIMITED, REPLAYED, VISITOR_HEADER, WRITING

TEXTS = {
    "identifyVisitor": Description(
        tag="Visitors",
        summary="Say who a visitor is",
        text="Stores a visitor's account, e-mail address, name, picture and metadata, each as it is sent; what is left "
        "out stays as it is. With a public key it is a claim, unless an identity token proves it; what a private key "
        "sends is proven. `verified` names the proven fields. A proof of another account starts a new contact. Nobody "
        "is merged with anybody: no other visitor's contact or conversation is shown. Saying the same again is a "
        "replay.",
        parameters=(VISITOR_HEADER, ORIGIN_HEADER, ACTOR_HEADER),
        requests={
            "A claim": {"email": "jane@example.com", "name": "Jane"},
            "A server": {
                "visitorId": "01JDEM0V1S1T0R000000000000",
                "externalId": "user-1",
                "email": "jane@example.com",
                "name": "Jane Doe",
                "image": "https://www.example.com/jane.jpg",
                "metadata": {"plan": "pro", "seats": 3},
            },
        },
        response="The contact.",
        response_headers=REPLAYED,
        refusals={
            **WRITING,
            **RATE_LIMITED,
            400: "The body or the identity token is invalid, or the body disagrees with the token.",
            409: "Without a proof the call would change a proven field, or the team has blocked the visitor. The "
            "`code` says which.",
            413: "The body is too large.",
        },
    ),
}
