"""Texts: uploads."""

from openapi.description import Description
from openapi.text.common import (
    BLOCKED,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    RATE_LIMITED,
    VISITOR_HEADER,
    WRITING,
)

TEXTS = {
    "signUpload": Description(
        tag="Files",
        summary="Get an address to upload a file to",
        text="Call this for each file, before the message that names it; its conversation need not exist yet. Then PUT "
        "the file to `uploadUrl` with the `Content-Type` that was asked for, and send a message with a part of type "
        "`image` or `file` whose `url` is `publicUrl`. A file has at most 5 MB (5,242,880 bytes). One that is larger, "
        "or that is not of its type by its first bytes, is never served. A file that no message names within a day is "
        "deleted; one that is named goes with its message. `publicUrl` needs no key, so that pages can show it, and "
        "nobody can guess it. A file can be read as soon as its upload has succeeded, and does not change then.",
        parameters=(VISITOR_HEADER, ORIGIN_HEADER),
        requests={
            "A screenshot": {
                "contentType": "image/png",
                "websiteId": "01JDEM0WEBS1TEA00000000000",
                "scope": {
                    "type": "conversation",
                    "organizationId": "01JDEM00RGAN1SAT10NA000000",
                    "websiteId": "01JDEM0WEBS1TEA00000000000",
                    "conversationId": "COH5D2N8KX3PQ7RZ1M",
                },
                "fileName": "screenshot.png",
            },
        },
        response="The address to upload to, and the one to name in a message.",
        refusals={
            **{status: text for status, text in WRITING.items() if status != 413},
            **RATE_LIMITED,
            **BLOCKED,
            404: NO_SUCH_CONVERSATION,
            413: "The body is too large.",
        },
    ),
}
