"""Parses the query of a request into a valid model, or into a list of what to change."""

from collections.abc import Mapping
from typing import TypeVar

from aws_lambda_powertools.utilities.parser import ValidationError, parse
from pydantic import BaseModel
from support.validation import explain

Query = TypeVar("Query", bound=BaseModel)


def parse_query(parameters: Mapping[str, str], model: type[Query]) -> Query:
    """Parse the parameters of a query.

    Raises `Refusal` (VALIDATION_FAILED), with the names of parameters as paths.
    """
    try:
        return parse(event=dict(parameters), model=model)
    except ValidationError as error:
        raise explain(error) from None
