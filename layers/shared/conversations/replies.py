"""Replies of DynamoDB: what counts as one.

Of a reply that was cut short, or that somebody else gave, botocore makes one without members, and that means "no such
item" or "written". So a reply counts only if it bears the checksum of its body and holds what DynamoDB's always hold.
Every call asks for the capacity that it consumes, so that none of them is empty.
"""

from typing import Any
from zlib import crc32

from botocore.exceptions import BotoCoreError
from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import (
    CoreSchema,
    any_schema,
    dict_schema,
    float_schema,
    list_schema,
    str_schema,
    typed_dict_field,
    typed_dict_schema,
)

#: The CRC-32 of the body, in decimal digits (Developer Guide, "DynamoDB low-level API").
_CHECKSUM = "x-amz-crc32"


class BrokenReply(BotoCoreError):
    """Half a reply, or none of DynamoDB's. What it was to answer may have been carried out."""

    fmt = "BrokenReply {status}"


def _object(required: dict[str, CoreSchema], optional: dict[str, CoreSchema] | None = None) -> CoreSchema:
    fields = {name: typed_dict_field(schema) for name, schema in required.items()}
    fields |= {name: typed_dict_field(schema, required=False) for name, schema in (optional or {}).items()}
    return typed_dict_schema(fields)


_ITEM = dict_schema(str_schema(), dict_schema(str_schema(), any_schema(), min_length=1))
_CAPACITY = _object({"CapacityUnits": float_schema()})
_KEYS = _object({"Keys": list_schema(_ITEM)})
_REASON = _object({"Code": str_schema()}, {"Item": _ITEM})

# Schemas of pydantic's core: models would say the same, but take 27 ms of a cold start, and these a fifth of one.
_REPLIES = {
    operation: SchemaValidator(schema)
    for operation, schema in {
        "BatchGetItem": _object(
            {
                "ConsumedCapacity": list_schema(_CAPACITY),
                "Responses": dict_schema(str_schema(), list_schema(_ITEM)),
                "UnprocessedKeys": dict_schema(str_schema(), _KEYS),
            }
        ),
        "GetItem": _object({"ConsumedCapacity": _CAPACITY}, {"Item": _ITEM}),
        "Query": _object({"ConsumedCapacity": _CAPACITY, "Items": list_schema(_ITEM)}, {"LastEvaluatedKey": _ITEM}),
        "TransactWriteItems": _object({"ConsumedCapacity": list_schema(_CAPACITY)}),
        # Attributes that are asked for are left out where none is left of those that were updated.
        "UpdateItem": _object({"ConsumedCapacity": _CAPACITY}, {"Attributes": _ITEM}),
    }.items()
}
_ERROR = SchemaValidator(
    _object({"__type": str_schema(min_length=1)}, {"CancellationReasons": list_schema(_REASON), "Item": _ITEM})
)


def read_reply(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Read a reply in botocore's place, before it does: its handler for `before-parse.dynamodb`.

    An error is left to botocore, once it is known to be one. Raises `BrokenReply`.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    is_error = status >= 400
    schema = _ERROR if is_error else _REPLIES[operation_model.name]
    checksum = response_dict["headers"].get(_CHECKSUM)
    # DynamoDB Local bears none on errors, whose JSON alone tells that they are whole.
    is_whole = checksum == str(crc32(body)) or (is_error and checksum is None)
    if not is_whole:
        raise BrokenReply(status=status)
    try:
        reply = schema.validate_json(body)
    except ValidationError:
        raise BrokenReply(status=status) from None
    if not is_error:
        customized_response_dict.update(reply)
        response_dict["body"] = b"{}"
