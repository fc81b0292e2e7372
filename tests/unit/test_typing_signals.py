"""Typing is told within the time for which it is worth anything."""

from support.deadlines import Deadline
from support.delivery import MAX_TRUSTED_SECONDS, TABLE_TIMEOUT_SECONDS, Delivery
from support.dynamodb.items import marshal
from support.dynamodb.table import Table
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.typing_signals import TypingSignals

from tests.builders import PRIVATE_KEY, a_key
from tests.live import FakeGateway
from tests.scripted import ScriptedDynamoDB
from tests.unit.test_delivery import a_connection
from tests.unit.test_frames import CONVERSATION


def test_tables_are_asked_in_less_time_than_typing_is_worth_anything() -> None:
    connections_table, table = Table("connections", TABLE_TIMEOUT_SECONDS), Table("table", TABLE_TIMEOUT_SECONDS)
    connections, gateway = Connections(connections_table), FakeGateway()
    [item, _] = a_connection("c1").to_items()
    one = {"ConsumedCapacity": {"CapacityUnits": 1.0}}
    ScriptedDynamoDB(connections_table).responds("Query", {"Items": [marshal(item)], **one})
    ScriptedDynamoDB(table).responds("GetItem", {"Item": marshal(a_key(PRIVATE_KEY)), **one})
    delivery = Delivery(gateway, connections, KeyRing(table, MAX_TRUSTED_SECONDS))

    TypingSignals(connections, delivery).send(CONVERSATION, None, True, None, Deadline.after(10))

    assert [frame["type"] for frame in gateway.frames("c1")] == ["conversationTyping"]
