"""A secret with which a company's server signs identity tokens, and its stored form."""

from collections.abc import Sequence
from dataclasses import field

from pydantic_core import from_json, to_json

from support.values.stored_form import Conversion, StoredForm, stored_value


@stored_value
class IdentitySecret:
    """An identity secret of a website in one mode.

    Unlike an API key, it is stored itself: a signature can't be checked with a hash. `expires_at`, in epoch seconds, is
    the end of its grace period once another one has taken its place.
    """

    id: str
    secret: str = field(repr=False)
    created_at: str
    expires_at: int | None = None

    def is_usable(self, now: float) -> bool:
        """Tell whether what it signs is accepted at a moment in epoch seconds."""
        return self.expires_at is None or now < self.expires_at


def _write(secrets: Sequence[IdentitySecret]) -> str:
    return to_json([_FORM.write(secret) for secret in secrets]).decode()


def _read(stored: str) -> tuple[IdentitySecret, ...]:
    return tuple(_FORM.read(secret) for secret in from_json(stored))


_FORM = StoredForm(IdentitySecret)

#: Stores the secrets of a mode as one attribute.
AS_IDENTITY_SECRETS: Conversion = (_write, _read)
