"""Identity tokens: what a company's server says of a visitor, as a JWT that it signs with the website's secret.

It is imported where a token was sent, and nowhere else: PyJWT would slow down every cold start. PyJWT checks the
signature alone. The claims are checked here, since it accepts an `exp` that is text, or years away.
"""

from typing import Annotated, Literal

from jwt import PyJWS, PyJWTError
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from support.errors import Code, Refusal
from support.values.api_key import ApiKey
from support.values.visitor import MAX_TEXT

MAX_BYTES = 8 * 1024

_LEEWAY_SECONDS = 60
_MAX_SECONDS = 24 * 60 * 60

_ALGORITHM: Literal["HS256"] = "HS256"
_JWS = PyJWS(algorithms=[_ALGORITHM])

_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class Identity(BaseModel):
    """The claims of an identity token; None for what it does not say."""

    model_config = ConfigDict(strict=True, frozen=True)

    sub: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
    email: _Text | None = None
    name: _Text | None = None
    exp: float
    nbf: float | None = None
    aud: str | list[str] | None = None


def verify(token: str, key: ApiKey, now: float) -> Identity:
    """Return what an identity token says, at a moment in epoch seconds.

    Any identity secret of the key's website and mode may have signed it that is still accepted.
    Raises `Refusal` (INVALID_IDENTITY_TOKEN).
    """
    if len(token) > MAX_BYTES:
        raise invalid_token(f"must have at most {MAX_BYTES:,} characters")
    payload = _payload(token, [secret.secret for secret in key.identity_secrets if secret.is_usable(now)])
    if payload is None:
        raise invalid_token("must be a JWT that is signed by HS256 with this website's identity secret of this mode")
    try:
        identity = Identity.model_validate_json(payload)
    except ValidationError:
        raise invalid_token(
            "must have `sub` and `exp`, and may have `email`, `name`, `nbf` and `aud`: `exp` and `nbf` are numbers, the"
            f" others strings of up to {MAX_TEXT} characters"
        ) from None
    # An `exp` that is no number at all (NaN) fails this, too.
    if not now - _LEEWAY_SECONDS < identity.exp <= now + _MAX_SECONDS + _LEEWAY_SECONDS:
        raise invalid_token("has expired, or expires more than 24 hours from now")
    if identity.nbf is not None and not identity.nbf <= now + _LEEWAY_SECONDS:
        raise invalid_token("is not valid yet")
    if identity.aud is not None and key.website_id not in (
        [identity.aud] if isinstance(identity.aud, str) else identity.aud
    ):
        raise invalid_token("is for another website: `aud` must be this website's id")
    return identity


def _payload(token: str, secrets: list[str]) -> bytes | None:
    """Return what a token says that one of these secrets has signed; None if none has."""
    for secret in secrets:
        try:
            payload: bytes = _JWS.decode(token, secret, algorithms=[_ALGORITHM])
        except (PyJWTError, UnicodeError):
            continue
        return payload
    return None


def invalid_token(problem: str) -> Refusal:
    """Build the error for an identity token."""
    return Refusal(Code.INVALID_IDENTITY_TOKEN, f"The identity token {problem}.")
