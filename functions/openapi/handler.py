"""The Lambda function behind GET /v1/openapi.json and GET /v1/docs: public, without access to any data."""

import json
import os
from importlib.resources import files
from typing import Any

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi import swagger_ui
from aws_lambda_powertools.utilities.typing import LambdaContext
from support import http_api
from support.errors import Code, not_found
from support.front import Front, forbidden
from support.observability import logger

from openapi.document import build

_document = build()
_app = http_api.create_router()
_front = Front.from_environment()

# Swagger UI as bundled with Powertools, in a page of our own: theirs calls a validator on the Internet.
_assets, _own = files(swagger_ui), files("openapi")
# Set by `make run` only, as JSON: `keys` by security scheme, `parameters`, and `parametersOf` single operations.
_filled_in = os.environ.get("DOCS_FILLED_IN", "{}")
_page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conversations API</title>
<link rel="icon" href="data:,">
<style>{_assets.joinpath("swagger-ui.min.css").read_text()}</style>
<style>{_own.joinpath("docs.css").read_text()}</style>
</head>
<body>
<div id="docs"></div>
<script>{_assets.joinpath("swagger-ui-bundle.min.js").read_text()}</script>
<script>const filledIn = {_filled_in};</script>
<script>{_own.joinpath("docs.js").read_text()}</script>
</body>
</html>
"""

#: The page loads nothing from other hosts, and may not.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@_app.get("/v1/openapi.json", compress=True)
def _openapi() -> Response[str]:
    # The API has the same base path as its document.
    base_path = _app.current_event.raw_event["rawPath"].removesuffix("/v1/openapi.json")
    document = {**_document, "servers": [{"url": base_path or "/"}]}
    return Response(200, content_types.APPLICATION_JSON, json.dumps(document))


@_app.get("/v1/docs", compress=True)
def _docs() -> Response[str]:
    return Response(200, f"{content_types.TEXT_HTML}; charset=utf-8", _page, {"Content-Security-Policy": _POLICY})


@_app.not_found
def _not_found(_: NotFoundError) -> Response[str]:
    request_id = _app.current_event.raw_event["requestContext"]["requestId"]
    return http_api.error_response(not_found(), request_id)


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Respond to one event of the HTTP API, payload format 2.0."""
    request = http_api.read(event, context)
    line = {"request_id": request["requestContext"]["requestId"], "function_request_id": context.aws_request_id}
    if _front is not None and not _front.sent(request["headers"]):
        response = forbidden()
        line["code"] = Code.FRONT_REQUIRED
    else:
        response = _app.resolve(request, context)
    logger.info("request", extra={**line, "route": request["routeKey"], "status": response["statusCode"]})
    return response
