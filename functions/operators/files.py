"""Files of conversations, as operators get them."""

import os
from typing import Any

from support.aws.bucket import Bucket
from support.aws.client import Client
from support.aws.credentials import configured_region
from support.values.file import File

#: For how long an operator can read a file at the address that they got, in seconds.
ADDRESS_SECONDS = 300


def files_bucket() -> Bucket:
    """Return the bucket of files. Nothing here calls it, so its client waits for nothing."""
    return Bucket(os.environ["FILES_BUCKET"], configured_region(), Client(timeout_seconds=1))


def describe_file(file: File) -> dict[str, Any]:
    """Return a file as JSON for an operator."""
    return {
        "id": file.place.id,
        "conversationId": file.place.conversation_id,
        "name": file.name,
        "contentType": file.content_type,
        "size": file.size,
        "createdAt": file.created_at,
    }
