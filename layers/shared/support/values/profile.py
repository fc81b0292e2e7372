"""What a widget shows of a website beside its name, and the stored form of that."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic_core import from_json, to_json

from support.values.stored_form import Conversion, StoredForm

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Agent:
    """A teammate, whose name may be None, or an AI agent: by `id`, items name them in `userId` or `aiAgentId`."""

    id: str
    name: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a widget shows of a website; None, and no agents, where operators have set nothing.

    `logo_url`, and the `image` of an agent, are absolute https URLs. There is no e-mail address in it. With
    `typing_preview` the team sees what a visitor types before it is sent; no widget is told.
    """

    domain: str | None = None
    description: str | None = None
    logo_url: str | None = None
    default_language: str | None = None
    available_human_agents: tuple[Agent, ...] = ()
    available_ai_agents: tuple[Agent, ...] = ()
    typing_preview: bool = False

    def describe(self) -> dict[str, Any]:
        """Return what an operator is shown, by the names that widgets know."""
        return {
            "domain": self.domain,
            "description": self.description,
            "logoUrl": self.logo_url,
            "defaultLanguage": self.default_language or DEFAULT_LANGUAGE,
            "availableHumanAgents": [asdict(agent) for agent in self.available_human_agents],
            "availableAIAgents": [asdict(agent) for agent in self.available_ai_agents],
            "typingPreview": self.typing_preview,
        }


#: That of a website of which operators have set nothing but its name.
NO_PROFILE = Profile()


def _write_agents(agents: Sequence[Agent]) -> Any:  # JSON, which has more forms than an attribute
    return [_AGENT.write(agent) for agent in agents]


def _read_agents(stored: Sequence[Any]) -> tuple[Agent, ...]:
    return tuple(_AGENT.read(agent) for agent in stored)


_AGENT = StoredForm(Agent)
_PROFILE = StoredForm(
    Profile, converted=dict.fromkeys(("available_human_agents", "available_ai_agents"), (_write_agents, _read_agents))
)

#: A profile as one attribute: its fields as one JSON text.
AS_PROFILE: Conversion = (
    lambda profile: to_json(_PROFILE.write(profile)).decode(),
    lambda stored: _PROFILE.read(from_json(stored)),
)
