"""The Lambda function behind GET /v1/openapi.json and GET /v1/docs: public, and without access to anything."""

import json
import os
from importlib.resources import files
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.openapi import swagger_ui
from aws_lambda_powertools.utilities.typing import LambdaContext

from docs.document import build

_base_path = os.environ["BASE_PATH"]
_document = json.dumps(build(_base_path or "/"))
_app = APIGatewayHttpResolver(strip_prefixes=[_base_path] if _base_path else [])

# Swagger UI as Powertools carries it, in a page of our own: theirs asks a validator on the Internet for its opinion.
_assets = files(swagger_ui)
_page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conversations API</title>
<link rel="icon" href="data:,">
<style>{_assets.joinpath("swagger-ui.min.css").read_text()}</style>
</head>
<body>
<div id="docs"></div>
<script>{_assets.joinpath("swagger-ui-bundle.min.js").read_text()}</script>
<script>
SwaggerUIBundle({{
  url: "openapi.json", dom_id: "#docs", validatorUrl: null, deepLinking: true, tryItOutEnabled: true,
  defaultModelsExpandDepth: 0, defaultModelExpandDepth: 3,
}});
</script>
</body>
</html>
"""

#: The page needs nothing from elsewhere, and gets nothing.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@_app.get("/v1/openapi.json", compress=True)
def _openapi() -> Response[str]:
    return Response(200, content_types.APPLICATION_JSON, _document)


@_app.get("/v1/docs", compress=True)
def _docs() -> Response[str]:
    return Response(200, f"{content_types.TEXT_HTML}; charset=utf-8", _page, {"Content-Security-Policy": _POLICY})


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one event of the HTTP API, payload format 2.0."""
    return _app.resolve(event, context)
