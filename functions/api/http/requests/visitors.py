"""Request models: what a page tells of its visitor.

What it tells is stored as far as it fits and never rejected for its size: an error here would be a red line in the
console of a customer's page.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from api.http.requests.fields import REQUEST

MAX_TEXT = 256


def _cut(text: str) -> str:
    return text[:MAX_TEXT]


_Text = Annotated[str, AfterValidator(_cut)]
_Object = dict[str, Any]


class VisitorPage(BaseModel):
    """Where a visitor is and comes from. Unknown fields are ignored."""

    model_config = REQUEST

    attribution: _Object | None = Field(
        None, description="How the visitor came to the website. More than 8 KB of JSON is not stored."
    )
    current_page: _Object | None = Field(
        None, description="The page that the visitor is on. More than 8 KB of JSON is not stored."
    )


class VisitorPatch(VisitorPage):
    """What a page tells of its visitor. Fields that are left out stay as they are, and `null` removes one.

    Unknown fields are ignored: no address of the network and no place is stored, and a name or an e-mail address is
    sent to `POST /v1/contacts/identify`. Text is cut after 256 characters.
    """

    browser: _Text | None = Field(None, description="Such as `Chrome`.")
    browser_version: _Text | None = Field(None, description="Such as `142.0`.")
    os: _Text | None = Field(None, description="Such as `Linux`.")
    os_version: _Text | None = Field(None, description="Such as `26.1`.")
    device: _Text | None = Field(None, description="Such as `Linux PC`.")
    device_type: _Text | None = Field(None, description="Such as `desktop`, `mobile` or `tablet`.")
    language: _Text | None = Field(None, description="A language tag, such as `en-US`.")
    timezone: _Text | None = Field(None, description="Such as `Europe/Berlin`.")
    screen_resolution: _Text | None = Field(None, description="Such as `2560x1440`.")
    viewport: _Text | None = Field(None, description="Such as `1280x720`.")


class VisitorActivity(VisitorPage):
    """That a visitor is there. `null` is the same as absent; unknown fields are ignored."""

    activity_type: str | None = Field(
        None, description="What the page tells: `connected`, `focus`, `heartbeat` or `route_change`. Not stored."
    )
    session_id: str | None = Field(None, description="The id of the browser tab. Not stored.")
