"""A deployed table can become the one in template.yaml by one stack update, with all that it holds."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.infrastructure.released_table import in_template, refused_changes, released

Table = dict[str, Any]

A_GLOBAL_INDEX = {
    "IndexName": "another",
    "KeySchema": [{"AttributeName": "anotherPK", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def test_the_table_can_be_updated_from_the_last_release(stage: str) -> None:
    assert refused_changes(released(), in_template(stage)) == []


def test_projected_attributes_stay_within_dynamodb_s_limits(stage: str) -> None:
    table = in_template(stage)
    projected = [
        index["Projection"].get("NonKeyAttributes", [])
        for index in (*table["LocalSecondaryIndexes"], *table["GlobalSecondaryIndexes"])
    ]

    # DynamoDB API Reference, Projection: in an index, and in all indexes of a table together.
    assert max(map(len, projected)) <= 20
    assert sum(map(len, projected)) <= 100


def another_projection(kind: str) -> Callable[[Table], object]:
    return lambda table: table[kind][0].update(Projection={"ProjectionType": "ALL"})


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        pytest.param(lambda t: t["KeySchema"].pop(), "KeySchema is not as released", id="key schema"),
        pytest.param(lambda t: t.update(TableName="conversations"), "TableName is not as released", id="name"),
        pytest.param(
            another_projection("LocalSecondaryIndexes"),
            "LocalSecondaryIndexes is not as released",
            id="projection of a local index",
        ),
        pytest.param(
            lambda t: t["LocalSecondaryIndexes"].append(A_GLOBAL_INDEX),
            "LocalSecondaryIndexes is not as released",
            id="another local index",
        ),
        pytest.param(
            another_projection("GlobalSecondaryIndexes"),
            "the index visitor is not as released",
            id="projection of a global index",
        ),
        pytest.param(
            lambda t: t["GlobalSecondaryIndexes"][1].update(KeySchema=A_GLOBAL_INDEX["KeySchema"]),
            "the index inbox is not as released",
            id="keys of a global index",
        ),
        pytest.param(
            lambda t: t["GlobalSecondaryIndexes"].clear(),
            "more than one global index is made or removed: ['inbox', 'visitor']",
            id="both global indexes removed",
        ),
        pytest.param(
            lambda t: t["GlobalSecondaryIndexes"][0].update(IndexName="visitors"),
            "more than one global index is made or removed: ['visitor', 'visitors']",
            id="a global index renamed",
        ),
        pytest.param(
            lambda t: t["AttributeDefinitions"][0].update(AttributeType="B"),
            "the type of PK is not as released",
            id="type of a key",
        ),
        pytest.param(
            lambda t: t["StreamSpecification"].update(StreamViewType="NEW_IMAGE"),
            "StreamSpecification is not as released",
            id="view type of the stream",
        ),
        pytest.param(lambda t: t.pop("StreamSpecification"), "StreamSpecification is not as released", id="no stream"),
        pytest.param(
            lambda t: t["TimeToLiveSpecification"].update(AttributeName="expires"),
            "TimeToLiveSpecification is not as released",
            id="attribute of the time to live",
        ),
    ],
)
def test_a_change_that_no_update_makes_is_refused(change: Callable[[Table], object], refused: str) -> None:
    changed = deepcopy(released())
    change(changed)

    assert refused_changes(released(), changed) == [refused]


def test_one_global_index_may_be_made_or_removed() -> None:
    fewer, more = deepcopy(released()), deepcopy(released())
    del fewer["GlobalSecondaryIndexes"][0]
    more["GlobalSecondaryIndexes"].append(A_GLOBAL_INDEX)
    more["AttributeDefinitions"].append({"AttributeName": "anotherPK", "AttributeType": "S"})

    assert refused_changes(released(), fewer) == []
    assert refused_changes(released(), more) == []
