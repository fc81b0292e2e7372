"""Where each route is called, in the order in which the document shows them, and the module of its entry.

A module is imported when one of its routes is called first: a cold start pays for nothing else.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Registration(NamedTuple):
    """A method and a path, as in template.yaml, and a module of `api.routes`."""

    method: str
    path: str
    module: str


#: By the id of the route.
REGISTRATIONS: Mapping[str, Registration] = {
    "createConversation": Registration("POST", "/v1/conversations", "conversations"),
    "listConversations": Registration("GET", "/v1/conversations", "conversations"),
    "listInbox": Registration("GET", "/v1/conversations/inbox", "inbox"),
    "getConversation": Registration("GET", "/v1/conversations/{conversationId}", "conversations"),
    "patchConversation": Registration("PATCH", "/v1/conversations/{conversationId}", "conversations"),
    "getTimeline": Registration("GET", "/v1/conversations/{conversationId}/timeline", "timelines"),
    "sendMessage": Registration("POST", "/v1/messages", "messages"),
    "markSeen": Registration("POST", "/v1/conversations/{conversationId}/seen", "seen"),
    "getSeen": Registration("GET", "/v1/conversations/{conversationId}/seen", "seen"),
    "signalTyping": Registration("POST", "/v1/conversations/{conversationId}/typing", "typing"),
    "signUpload": Registration("POST", "/v1/uploads/sign-url", "uploads"),
    "rateConversation": Registration("POST", "/v1/conversations/{conversationId}/rating", "ratings"),
    "resolveConversation": Registration("POST", "/v1/conversations/{conversationId}/resolve", "status"),
    "reopenConversation": Registration("POST", "/v1/conversations/{conversationId}/reopen", "status"),
    "markAsSpam": Registration("POST", "/v1/conversations/{conversationId}/spam", "status"),
    "markAsNotSpam": Registration("POST", "/v1/conversations/{conversationId}/not-spam", "status"),
    "deleteTimelineItem": Registration("DELETE", "/v1/conversations/{conversationId}/timeline/{itemId}", "removals"),
    "deleteConversation": Registration("DELETE", "/v1/conversations/{conversationId}", "removals"),
    "getWebsite": Registration("GET", "/v1/websites", "websites"),
    "getSupportState": Registration("GET", "/v1/support/state", "support_state"),
    "identifyVisitor": Registration("POST", "/v1/contacts/identify", "contacts"),
    "patchVisitor": Registration("PATCH", "/v1/visitors/{visitorId}", "visitors"),
    "recordActivity": Registration("POST", "/v1/visitors/{visitorId}/activity", "visitors"),
    "recordOwnActivity": Registration("POST", "/v1/visitors/activity", "visitors"),
    "patchContactMetadata": Registration("PATCH", "/v1/visitors/{visitorId}/metadata", "contacts"),
    "findVisitors": Registration("GET", "/v1/visitors", "contacts"),
    "getVisitor": Registration("GET", "/v1/visitors/{visitorId}", "visitors"),
    "blockVisitor": Registration("POST", "/v1/visitors/{visitorId}/block", "visitors"),
    "unblockVisitor": Registration("POST", "/v1/visitors/{visitorId}/unblock", "visitors"),
    "giveFeedback": Registration("POST", "/v1/feedback", "feedback"),
    "listFeedback": Registration("GET", "/v1/feedback", "feedback"),
}
