"""Uploads: files for messages."""

import time

from support.observability import Metric
from support.responses import UploadResponse
from support.store.stores import Stores
from support.values import timestamps

from api.domain.uploads import add_file
from api.http.requests.uploads import UploadRequest
from api.http.success import Success
from api.route import Request, Route

_SECONDS = 900


def _sign(request: Request[None, UploadRequest], stores: Stores) -> Success:
    seconds = request.body.expires_in_seconds or _SECONDS
    # Read before: the address must not live for longer than is said.
    expires_at = timestamps.from_epoch(time.time() + seconds)
    bucket = request.files.bucket
    file = add_file(request.caller, request.body, stores)
    response: UploadResponse = {
        "uploadUrl": bucket.sign_put(file.place.upload_key, file.content_type, seconds),
        "key": file.place.upload_key,
        "bucket": bucket.name,
        "expiresAt": expires_at,
        "contentType": file.content_type,
        "publicUrl": request.files.public_url(file, request.headers.get("host", "")),
    }
    return Success(response)


SIGN = Route(
    id="signUpload",
    keys="any",
    limit="writes",
    visitor_required="public_key",
    body=UploadRequest,
    response=UploadResponse,
    run=_sign,
    metric=Metric.CHANGED,
    max_body_bytes=32_768,
)
