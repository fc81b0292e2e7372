"""What is stored in a table of DynamoDB Local, without the function between."""

from collections.abc import Iterable

from conversations.items import Item, unmarshal

from local.dynamodb import connect


def scan(endpoint: str, table: str, pk_prefix: str = "") -> list[Item]:
    """Read all items of a table, or those whose partition keys begin like this."""
    pages = connect(endpoint).get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [unmarshal(item) for page in pages for item in page["Items"]]
    return [item for item in items if str(item["PK"]).startswith(pk_prefix)]


def let_expire(endpoint: str, table: str, items: Iterable[Item], after: int = 1) -> None:
    """Let items expire after a second, which has passed, though DynamoDB has not deleted them yet."""
    for item in items:
        connect(endpoint).update_item(
            TableName=table,
            Key={"PK": {"S": str(item["PK"])}, "SK": {"S": str(item["SK"])}},
            UpdateExpression="SET #ttl = :after",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":after": {"N": str(after)}},
        )
