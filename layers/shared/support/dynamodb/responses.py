"""Validates responses of DynamoDB.

A response without the expected members could be read as "no such item", or "written". So a truncated or foreign
response counts as no response: a response must have the checksum of its body and the members that DynamoDB always
sends. Every call asks for its consumed capacity, so that no response is empty.
"""

from typing import Any
from zlib import crc32

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

from support.aws.client import NoResponse, Response

#: The CRC-32 of the body, in decimal digits (Developer Guide, "DynamoDB low-level API").
_CHECKSUM = "x-amz-crc32"


Members = dict[str, Any]


class BrokenResponse(NoResponse):
    """A truncated or foreign response. The request may have been carried out."""

    def __init__(self, status: int) -> None:
        super().__init__(f"BrokenResponse {status}")


class ErrorResponse(Exception):
    """An error of DynamoDB. `code` is its name, and `members` may quote what was written."""

    def __init__(self, status: int, members: Members) -> None:
        # With a namespace before it: com.amazonaws.dynamodb.v20120810#ValidationException
        self.code = str(members["__type"]).rpartition("#")[2]
        super().__init__(self.code)
        self.status = status
        self.members = members


def _object(required: dict[str, CoreSchema], optional: dict[str, CoreSchema] | None = None) -> CoreSchema:
    fields = {name: typed_dict_field(schema) for name, schema in required.items()}
    fields |= {name: typed_dict_field(schema, required=False) for name, schema in (optional or {}).items()}
    return typed_dict_schema(fields)


_ITEM = dict_schema(str_schema(), dict_schema(str_schema(), any_schema(), min_length=1))
_CAPACITY = _object({"CapacityUnits": float_schema()})
_KEYS = _object({"Keys": list_schema(_ITEM)})
_REASON = _object({"Code": str_schema()}, {"Item": _ITEM})

# Schemas of pydantic's core: equivalent models would take 27 ms of a cold start, these 0.2 ms.
_RESPONSES = {
    operation: SchemaValidator(schema)
    for operation, schema in {
        "BatchGetItem": _object(
            {
                "ConsumedCapacity": list_schema(_CAPACITY),
                "Responses": dict_schema(str_schema(), list_schema(_ITEM)),
                "UnprocessedKeys": dict_schema(str_schema(), _KEYS),
            }
        ),
        "BatchWriteItem": _object(
            {
                "ConsumedCapacity": list_schema(_CAPACITY),
                "UnprocessedItems": dict_schema(str_schema(), list_schema(any_schema())),
            }
        ),
        "GetItem": _object({"ConsumedCapacity": _CAPACITY}, {"Item": _ITEM}),
        "Query": _object({"ConsumedCapacity": _CAPACITY, "Items": list_schema(_ITEM)}, {"LastEvaluatedKey": _ITEM}),
        "TransactWriteItems": _object({"ConsumedCapacity": list_schema(_CAPACITY)}),
        # The requested attributes are left out if none of the updated ones remains.
        "UpdateItem": _object({"ConsumedCapacity": _CAPACITY}, {"Attributes": _ITEM}),
    }.items()
}
_ERROR = SchemaValidator(
    _object({"__type": str_schema(min_length=1)}, {"CancellationReasons": list_schema(_REASON), "Item": _ITEM})
)


def read_response(operation: str, response: Response) -> Members:
    """Return the members of an operation's response.

    Raises `ErrorResponse` for an error of DynamoDB, and `BrokenResponse`.
    """
    is_error = response.status >= 400
    schema = _ERROR if is_error else _RESPONSES[operation]
    checksum = response.headers.get(_CHECKSUM)
    # DynamoDB Local sends no checksum with errors: that their JSON is valid shows that they are complete.
    is_whole = checksum == str(crc32(response.body)) or (is_error and checksum is None)
    if not is_whole:
        raise BrokenResponse(response.status)
    try:
        members: Members = schema.validate_json(response.body)
    except ValidationError:
        raise BrokenResponse(response.status) from None
    if is_error:
        raise ErrorResponse(response.status, members)
    return members
