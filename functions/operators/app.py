"""The operators' interface: an event, `{"action": ..., ...}`, gets one response.

Errors are responses too, `{"error": {"code", "message", "details"}, "requestId"}`: the function itself never fails.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.parser import ValidationError, parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from support.deadlines import Deadline
from support.errors import Code, Detail, Refusal
from support.observability import describe, hashed, logger
from support.validation import explain, invalid

from operators import events
from operators.operations import IncompleteChange, Result

Handler = Callable[[dict[str, Any], LambdaContext], Result]

_INTERNAL_ERROR = Refusal(Code.INTERNAL_ERROR, "Something went wrong. The log has the cause.")


def create_handler(operations: object, actions: Mapping[str, type[events.Event]] = events.ACTIONS) -> Handler:
    """Build the Lambda handler for operators' actions: `operations` has a method for each, of the same name."""

    def handler(event: dict[str, Any], context: LambdaContext) -> Result:
        deadline = Deadline.of_invocation(context.get_remaining_time_in_millis())
        line: dict[str, object] = {"request_id": context.aws_request_id}
        try:
            parsed = _parse(event, actions)
            line |= parsed.model_dump(include={"action", "actor", "website_id", "mode", "key_id"}, exclude_none=True)
            if isinstance(visitor_id := getattr(parsed, "visitor_id", None), str):
                line["visitor"] = hashed(visitor_id)
            result: Result = getattr(operations, parsed.action)(parsed, deadline)
        except Exception as error:
            cause = error.cause if isinstance(error, IncompleteChange) else error
            if isinstance(cause, Refusal):
                logger.info("refused", extra={**line, "code": cause.code})
            else:
                logger.error("unhandled_exception", extra={**line, **describe(cause)})
            if isinstance(error, IncompleteChange):
                logger.info("audit", extra={**line, **_audit_fields(error.planned), "outcome": error.outcome})
            return _error(error if isinstance(error, Refusal) else _INTERNAL_ERROR, context)
        if isinstance(parsed, events.Audited):
            outcome = "done" if result.get("done", True) else "unfinished"
            logger.info("audit", extra={**line, **_audit_fields(result), "outcome": outcome})
        return result

    return handler


def _parse(event: object, actions: Mapping[str, type[events.Event]]) -> events.Event:
    if not isinstance(event, dict) or not isinstance(action := event.get("action"), str) or action not in actions:
        raise invalid([Detail("action", f"must be one of {', '.join(actions)}")])
    try:
        return parse(event=event, model=actions[action])
    except ValidationError as error:
        raise explain(error) from None


def _audit_fields(result: Result) -> dict[str, object]:
    """Return the fields of a result that go to the audit line: never a new secret."""
    website, key, rotated = result.get("website", {}), result.get("key", {}), result.get("rotatedKey", {})
    identity_secret = result.get("identitySecret", {})
    return {
        "website_id": website.get("id") or key.get("websiteId"),
        "key_id": key.get("id"),
        "rotated_key_id": rotated.get("id"),
        "identity_secret_id": identity_secret.get("id"),
        "allowed_origins": website.get("allowedOrigins"),
        "changed": result.get("changed"),
        "erased": result.get("erased"),
        "found": len(result["visitors"]) if "visitors" in result else None,
    }


def _error(refusal: Refusal, context: LambdaContext) -> Result:
    error: Result = {"code": refusal.code, "message": refusal.message}
    if refusal.details:
        error["details"] = [{"path": detail.path, "message": detail.message} for detail in refusal.details]
    return {"error": error, "requestId": context.aws_request_id}
