"""What is stored in a table of DynamoDB Local."""

from conversations.items import Item, unmarshal

from local.dynamodb import connect


def scan(endpoint: str, table: str, pk_prefix: str = "") -> list[Item]:
    """Read all items of a table, or those whose partition keys begin like this."""
    pages = connect(endpoint).get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [unmarshal(item) for page in pages for item in page["Items"]]
    return [item for item in items if str(item["PK"]).startswith(pk_prefix)]
