"""local/runtime.py and local/bootstrap.py: how a function runs on one machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local.runtime import EventTooLarge, FunctionError, Runtime
from local.template import Function

ECHO = "def handler(event, context): return event"


def a_function(code: Path, text: str, timeout: int = 60, **environment: str) -> Function:
    (code / "hello.py").write_text(text)
    return Function("Hello", "hello.handler", code, timeout, 256, environment)


@asynccontextmanager
async def a_runtime(instances: int = 1, log: Callable[[str], None] = print) -> AsyncIterator[Runtime]:
    runtime = Runtime(instances, "http://127.0.0.1:1", log)
    try:
        yield runtime
    finally:
        await runtime.stop()


def with_runtime(use: Callable[[Runtime], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        async with a_runtime(**options) as runtime:
            return await use(runtime)

    return asyncio.run(run())


def invoke(function: Function, event: Any = None, **options: Any) -> Any:
    return with_runtime(lambda runtime: runtime.invoke(function, event), **options)


def test_an_event_and_an_answer_arrive_whole(tmp_path: Path) -> None:
    event = {"text": 'é\u2028"\n', "large": "x" * 1_000_000}

    assert invoke(a_function(tmp_path, ECHO), event) == event


def test_an_event_of_lambda_s_6_mb_arrives_and_a_larger_one_does_not(tmp_path: Path) -> None:
    def an_event(size: int) -> dict[str, str]:
        """An event of so many bytes of JSON in UTF-8; each line break in it takes two."""
        return {"body": "é\n" + "x" * (size - len('{"body": "é\\n"}'.encode()))}

    function = a_function(tmp_path, "def handler(event, context): return len(event['body'])")

    assert invoke(function, an_event(6 * 1024 * 1024)) > 6_000_000
    with pytest.raises(EventTooLarge):
        invoke(function, an_event(6 * 1024 * 1024 + 1))


def test_the_environment_is_the_templates_and_not_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    text = "import os\ndef handler(event, context): return dict(os.environ)"

    environment = invoke(a_function(tmp_path, text, STAGE="local", AWS_ENDPOINT_URL_DYNAMODB="http://elsewhere"))

    assert environment["STAGE"] == "local"
    assert environment["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:1"
    assert "AWS_PROFILE" not in environment
    assert "HTTPS_PROXY" not in environment
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "Hello"


def test_the_context_counts_down_from_the_functions_timeout(tmp_path: Path) -> None:
    text = """
def handler(event, context):
    return [context.get_remaining_time_in_millis(), context.memory_limit_in_mb, context.invoked_function_arn]
"""
    remaining, memory, arn = invoke(a_function(tmp_path, text, timeout=600))

    assert 0 < remaining <= 600_000
    assert (memory, arn) == ("256", "arn:aws:lambda:us-east-1:000000000000:function:Hello")


def test_the_local_package_and_the_tests_are_not_importable(tmp_path: Path) -> None:
    text = """
import importlib.util
def handler(event, context): return [importlib.util.find_spec(name) for name in ("local", "tests", "gateway")]
"""
    assert invoke(a_function(tmp_path, text)) == [None, None, None]


def test_what_a_function_prints_is_log(tmp_path: Path) -> None:
    lines: list[str] = []

    invoke(a_function(tmp_path, "def handler(event, context): print('hello')"), log=lines.append)

    assert lines == ["hello"]


def test_an_instance_is_used_again(tmp_path: Path) -> None:
    function = a_function(tmp_path, "import os\ndef handler(event, context): return os.getpid()")

    async def twice(runtime: Runtime) -> list[int]:
        return [await runtime.invoke(function, {}) for _ in range(2)]

    first, second = with_runtime(twice)
    assert first == second


def test_an_instance_has_one_event_at_a_time(tmp_path: Path) -> None:
    text = """
import os, time
def handler(event, context):
    began = time.monotonic()
    os.listdir(".")
    return [os.getpid(), began, time.monotonic()]
"""
    function = a_function(tmp_path, text)

    async def at_once(runtime: Runtime) -> list[list[float]]:
        return list(await asyncio.gather(*(runtime.invoke(function, {}) for _ in range(8))))

    by_process: dict[float, list[list[float]]] = {}
    for process, *span in with_runtime(at_once, instances=2):
        by_process.setdefault(process, []).append(span)
    assert len(by_process) <= 2
    for spans in by_process.values():
        ordered = sorted(spans)
        assert all(before[1] <= after[0] for before, after in pairwise(ordered))


def test_changed_code_answers_the_next_event(tmp_path: Path) -> None:
    async def edit_between(runtime: Runtime) -> list[Any]:
        function = a_function(tmp_path, "def handler(event, context): return 'old'")
        before = await runtime.invoke(function, {})
        a_function(tmp_path, "def handler(event, context): return 'new and longer'")
        return [before, await runtime.invoke(function, {})]

    assert with_runtime(edit_between) == ["old", "new and longer"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("def handler(event, context): raise KeyError('x')", "KeyError in the handler"),
        ("import os\ndef handler(event, context): os._exit(1)", "ended during an event"),
        ("def handler(event, context): return {1, 2}", "TypeError in the handler"),
        ("def handler(event, context): return float('nan')", "ValueError in the handler"),
        ("def handler(event, context): return 'x' * 7_000_000", "answered more than"),
        ("import nothing_of_that_name", "ended during its import"),
        ("import threading\ndef handler(event, context): threading.Event().wait()", "took more than 1 s"),
    ],
)
def test_after_a_function_that_fails_the_next_event_gets_a_new_instance(tmp_path: Path, text: str, cause: str) -> None:
    async def fail_then_mend(runtime: Runtime) -> Any:
        with pytest.raises(FunctionError, match=cause):
            await runtime.invoke(a_function(tmp_path, text, timeout=1 if cause == "took more than 1 s" else 60), {})
        return await runtime.invoke(a_function(tmp_path, ECHO), {"mended": True})

    assert with_runtime(fail_then_mend, log=lambda _: None) == {"mended": True}


def test_a_failing_import_is_seen_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match="ended during its import"):
        with_runtime(lambda runtime: runtime.warm(a_function(tmp_path, "1 / 0")), log=lambda _: None)
