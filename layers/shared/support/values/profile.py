"""The profile that widgets show of a website, in addition to its name, and its stored form."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic_core import from_json, to_json

from support.values.stored_form import Conversion, StoredForm, stored_value

DEFAULT_LANGUAGE = "en"


@stored_value
class Agent:
    """A team member, whose name may be None, or an AI agent. Items have its `id` in `userId` or `aiAgentId`."""

    id: str
    name: str | None = None
    image: str | None = None


@stored_value
class Profile:
    """The profile that widgets show of a website; None, and no agents, by default.

    `logo_url`, and the `image` of an agent, are absolute https URLs. It has no e-mail addresses. With `typing_preview`
    the team sees a visitor's text before it is sent; widgets do not show this setting.
    """

    domain: str | None = None
    description: str | None = None
    logo_url: str | None = None
    default_language: str | None = None
    available_human_agents: tuple[Agent, ...] = ()
    available_ai_agents: tuple[Agent, ...] = ()
    typing_preview: bool = False

    def describe(self) -> dict[str, Any]:
        """Return the profile as JSON for an operator, by the names that widgets know."""
        return {
            "domain": self.domain,
            "description": self.description,
            "logoUrl": self.logo_url,
            "defaultLanguage": self.default_language or DEFAULT_LANGUAGE,
            "availableHumanAgents": [asdict(agent) for agent in self.available_human_agents],
            "availableAIAgents": [asdict(agent) for agent in self.available_ai_agents],
            "typingPreview": self.typing_preview,
        }


#: The profile of a website of which operators have set only the name.
NO_PROFILE = Profile()


def _write_agents(agents: Sequence[Agent]) -> Any:  # JSON, which has more forms than an attribute
    return [_AGENT.write(agent) for agent in agents]


def _read_agents(stored: Sequence[Any]) -> tuple[Agent, ...]:
    return tuple(_AGENT.read(agent) for agent in stored)


_AGENT = StoredForm(Agent)
_PROFILE = StoredForm(
    Profile, converted=dict.fromkeys(("available_human_agents", "available_ai_agents"), (_write_agents, _read_agents))
)

#: Stores a profile as one attribute: its fields as JSON.
AS_PROFILE: Conversion = (
    lambda profile: to_json(_PROFILE.write(profile)).decode(),
    lambda stored: _PROFILE.read(from_json(stored)),
)
