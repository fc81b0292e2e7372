"""The process in which a handler runs, as Lambda's own bootstrap would run it.

Reads one invocation per line from standard input and writes one answer per line to standard output. Stands alone,
so that the function sees only its own folder, the layer and the installed packages.
"""

import importlib
import json
import os
import time
import traceback
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Context:
    """Lambda's context object."""

    aws_request_id: str
    deadline: float
    function_name: str = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    log_group_name: str = f"/aws/lambda/{function_name}"
    log_stream_name: str = "local"
    invoked_function_arn: str = f"arn:aws:lambda:{os.environ['AWS_REGION']}:000000000000:function:{function_name}"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run, 0 when its time is up."""
        return max(0, int((self.deadline - time.time()) * 1000))


def main() -> None:
    """Import the handler named by `_HANDLER`, then answer until the input ends, which is when the gateway does."""
    invocations = os.fdopen(os.dup(0), "rb")
    responses = os.fdopen(os.dup(1), "wb")
    # What the function prints is log, and it has no input.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def say(response: dict[str, Any]) -> None:
        # As Lambda's own: UTF-8, and what is no JSON or no Unicode is an error of the function.
        responses.write(json.dumps(response, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        responses.flush()

    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    say({"ready": True})
    for line in invocations:
        invocation = json.loads(line)
        context = Context(invocation["requestId"], invocation["deadline"])
        try:
            say({"response": handler(invocation["event"], context)})
        except Exception as error:
            traceback.print_exc()
            say({"error": f"{type(error).__name__} in the handler"})


if __name__ == "__main__":
    main()
