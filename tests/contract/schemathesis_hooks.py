"""What Schemathesis can't know from the document."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Let an id stand once in a request: no schema can say so, and the examples are repeated up to the limit."""
    items = case.body.get("defaultTimelineItems") if isinstance(case.body, dict) else None
    seen: set[object] = set()
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"]:
            if item["id"] in seen:
                del item["id"]
            else:
                seen.add(item["id"])
