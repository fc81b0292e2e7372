"""Who listens to a conversation."""

from collections.abc import Sequence

from support.deadlines import Deadline
from support.store.connections import Connections
from support.values.api_key import KeyType, Mode
from support.values.connection import Connection
from support.values.conversation import Conversation
from support.values.visitor import Visitor

#: Connections by the kind of key that they were opened with: those of a visitor, and those of a team.
Listeners = Sequence[tuple[KeyType, Sequence[Connection]]]


class Audience:
    """The connections that listen, each visitor's and each team's looked up once.

    It is made for one batch: who connects later reads by then what has been written before.
    """

    def __init__(self, connections: Connections, deadline: Deadline) -> None:
        self._connections = connections
        self._deadline = deadline
        self._teams: dict[tuple[str, Mode], Sequence[Connection]] = {}
        self._visitors: dict[tuple[str, Mode, str], Sequence[Connection]] = {}

    def of(self, conversation: Conversation) -> Listeners:
        """Return who listens to a conversation, nobody in an empty list. Raises `Refusal` (UNAVAILABLE)."""
        team = conversation.website_id, conversation.mode
        visitor = *team, conversation.visitor_id
        if visitor not in self._visitors:
            self._visitors[visitor] = self._connections.of_visitor(*visitor, self._deadline)
        found: Listeners = [("public", self._visitors[visitor]), ("private", self._of_team(team))]
        return [(key_type, connections) for key_type, connections in found if connections]

    def of_team(self, visitor: Visitor) -> Listeners:
        """Return the team of a visitor's website as listeners, an empty list if nobody of it listens.

        Raises `Refusal` (UNAVAILABLE).
        """
        connections = self._of_team((visitor.website_id, visitor.mode))
        return [("private", connections)] if connections else []

    def _of_team(self, team: tuple[str, Mode]) -> Sequence[Connection]:
        if team not in self._teams:
            self._teams[team] = self._connections.of_team(*team, self._deadline)
        return self._teams[team]
