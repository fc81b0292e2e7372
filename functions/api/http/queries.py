"""The query of a request: from text to a valid model, or to a list of what to change."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.parser import ValidationError, parse
from pydantic import BaseModel
from support.http_api import Middleware
from support.validation import explain


def read_query(model: type[BaseModel]) -> Middleware:
    """Return the middleware that reads the query of a request, for the route, as `query` of the context.

    Raises `Refusal`: VALIDATION_FAILED with a parameter's name for each path.
    """

    def read(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        try:
            query = parse(event=app.current_event.raw_event["queryStringParameters"], model=model)
        except ValidationError as error:
            raise explain(error) from None
        app.append_context(query=query)
        return next_middleware(app)

    return read
