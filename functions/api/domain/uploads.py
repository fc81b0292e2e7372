"""Uploads: a place for a file that a message is going to name."""

import time

from support.caller import Caller
from support.errors import Detail, not_found, visitor_blocked
from support.store.stores import Stores
from support.validation import invalid
from support.values import timestamps
from support.values.conversation import conversation_pk
from support.values.file import File, FilePlace, cleaned_name
from support.values.timestamps import DAY_SECONDS
from support.values.visitor import GATE_SK, visitor_row

from api.domain.ids import new_file_id
from api.http.requests.uploads import UploadRequest

#: For how many seconds a file waits for the message that names it.
_WAITS_SECONDS = DAY_SECONDS


def add_file(caller: Caller, request: UploadRequest, stores: Stores) -> File:
    """Store that a file is about to be uploaded, and return it. Its id, of 128 random bits, can't be guessed.

    Raises `Refusal`: VALIDATION_FAILED for another website or organization, HTTP_404 if the conversation exists and the
    caller can't access it, VISITOR_BLOCKED or UNAVAILABLE.
    """
    key, scope = caller.key, request.scope
    sent = {
        "websiteId": (request.website_id, key.website_id),
        "scope.websiteId": (scope.website_id, key.website_id),
        "scope.organizationId": (scope.organization_id, key.organization_id),
    }
    if wrong := [Detail(path, "must be that of the API key") for path, (given, own) in sent.items() if given != own]:
        raise invalid(wrong)
    gate = visitor_row(key.website_id, key.mode, caller.visitor, GATE_SK) if key.type == "public" else None
    pk = conversation_pk(key.website_id, key.mode, scope.conversation_id)
    found = stores.conversations.look(pk, gate, caller.deadline)
    if found.conversation is not None and not caller.can_access(found.conversation):
        raise not_found()
    if found.visitor_blocked:
        raise visitor_blocked()
    now = time.time()
    file = File(
        FilePlace(key.website_id, key.mode, scope.conversation_id, new_file_id()),
        content_type=request.content_type,
        name=cleaned_name(request.file_name, request.content_type),
        created_at=timestamps.from_epoch(now),
        ttl=int(now) + _WAITS_SECONDS,
    )
    stores.files.add(file, caller.deadline)
    return file
