"""`make operate`: what operators do, on the table of `make run`, or with STAGE=... on a deployed stack."""

import asyncio
import getpass
import json
import os
import re
import socket
import sys
from collections.abc import Sequence
from typing import Any

import boto3
from api_keys.models import ACTIONS
from api_keys.service import Operations
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.runtime import FunctionError, Runtime
from local.template import TemplateError, latest

_FUNCTION = "ApiKeysFunction"
#: What is written in capitals is for this program, all else is a field of the event.
_OPTIONS = re.compile(r"ACTION|STAGE|JSON|DYNAMODB_PORT|AWS_\w+")
_WIDEST = 60

_USAGE = """\
make operate ACTION=<action> [<field>=<value> ...] [STAGE=dev|staging|prod] [JSON=1]

Without STAGE it works on the table of `make run`. A list is written with commas. The actions:
"""


class OperateError(Exception):
    """What was asked for can't be done; the text tells why."""


def main(words: Sequence[str]) -> int:
    """Carry out one action, given as `name=value` words; return the exit code."""
    given = dict(word.split("=", 1) for word in words if "=" in word)
    # A stage is not to be missed, however it is given.
    around = {name: os.environ[name] for name in ("STAGE", "DYNAMODB_PORT") if os.environ.get(name)}
    options = around | {name: value for name, value in given.items() if name.isupper()}
    fields = {name: value for name, value in given.items() if not name.isupper()}
    if "ACTION" not in options:
        print(_USAGE + usage())
        return 0
    if unknown := [name for name in options if not _OPTIONS.fullmatch(name)]:
        print(f"{', '.join(unknown)}: not known here. A field of an action starts in lower case.", file=sys.stderr)
        return 1
    try:
        event = to_event(options["ACTION"], fields)
        if stage := options.get("STAGE"):
            result = _invoke_deployed(stage, event)
        else:
            result = asyncio.run(_invoke_local(options.get("DYNAMODB_PORT", "8000"), event))
    except (OperateError, FunctionError, TemplateError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    if "error" in result:
        print(_problem(result), file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2) if options.get("JSON") == "1" else show(result))
    return 0


def usage() -> str:
    """List the actions with what each is for and its fields, those in brackets optional."""
    lines = []
    for action, model in ACTIONS.items():
        schema = model.model_json_schema()
        names = []
        for name, field in schema["properties"].items():
            if name not in {"action", "actor"}:
                named = f"{name}={'|'.join(field['enum'])}" if "enum" in field else name
                names.append(named if name in schema["required"] else f"[{named}]")
        purpose = (getattr(Operations, action).__doc__ or "").splitlines()[0]
        lines.append(f"  {action}  {purpose}\n      {' '.join(names)}")
    return "\n".join(lines)


def to_event(action: str, fields: dict[str, str]) -> dict[str, Any]:
    """Build the event; what the action's model wants as a list, a number or a truth value is made one.

    Whether it is right is for the function to say.
    """
    model = ACTIONS.get(action)
    schemas = {} if model is None else model.model_json_schema()["properties"]
    values = {name: _value(text, schemas.get(name, {})) for name, text in fields.items()}
    return {"actor": getpass.getuser(), **values, "action": action}


def command_line_variables(makeflags: str) -> list[str]:
    """Return what was given to make as `name=value`, from the MAKEFLAGS that it leaves to what it runs.

    There they stand after `--`, with a backslash before each space and backslash, and each `$` doubled.
    """
    words = re.findall(r"(?:\\.|[^\\\s])+", f" {makeflags}".partition(" -- ")[2], re.DOTALL)
    return [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL).replace("$$", "$") for word in words]


def show(result: dict[str, Any]) -> str:
    """Lay an answer out for a person."""
    blocks = []
    for name, value in result.items():
        if isinstance(value, dict):
            blocks.append(f"{name}\n{_aligned([[f'  {key}', _cell(entry)] for key, entry in value.items()])}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            columns = [column for column in value[0] if any(row[column] not in (None, []) for row in value)]
            blocks.append(f"{name}\n{_aligned([columns, *([_cut(_cell(row[c])) for c in columns] for row in value)])}")
        elif isinstance(value, list):
            blocks += [f"{name}: {_cell(entry)}" for entry in value or ["none"]]
        elif name == "secret":
            blocks.append(f"The key, shown once and stored nowhere:\n\n  {value}")
        elif value is not None:
            blocks.append(f"{name}: {_cell(value)}")
    return "\n\n".join(blocks)


def _value(text: str, schema: dict[str, Any]) -> Any:
    types = {option.get("type") for option in [schema, *schema.get("anyOf", [])]}
    if "array" in types:
        return [entry.strip() for entry in text.split(",") if entry.strip()]
    if types & {"integer", "boolean"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


async def _invoke_local(port: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
    except (OSError, OverflowError, ValueError):
        raise OperateError(f"Nothing listens on port {port}. Start 'make run', and leave it running.") from None
    log: list[str] = []
    runtime = Runtime(1, f"http://127.0.0.1:{port}", log.append)
    try:
        result: dict[str, Any] = await runtime.invoke(latest().function(_FUNCTION), event)
    finally:
        await runtime.stop()
    if result.get("error", {}).get("code") == "INTERNAL_ERROR":
        print(*log, sep="\n", file=sys.stderr)
    return result


def _invoke_deployed(stage: str, event: dict[str, Any]) -> dict[str, Any]:
    [stack] = boto3.client("cloudformation").describe_stacks(StackName=f"conversations-{stage}")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if _FUNCTION not in outputs:
        raise OperateError(f"The stack {stack['StackName']} has no output {_FUNCTION}.")
    # Sent once: after an answer that was lost, another attempt would issue a second key.
    client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    answer = client.invoke(FunctionName=outputs[_FUNCTION], Payload=json.dumps(event).encode())
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OperateError(f"The function gave no answer: {result.get('errorMessage', answer['FunctionError'])}")
    return result


def _problem(result: dict[str, Any]) -> str:
    error = result["error"]
    details = [f"  {detail['path'] or 'The event'} {detail['message']}" for detail in error.get("details", [])]
    return _printable("\n".join([error["code"], *(details or [f"  {error['message']}"])]), keep="\n")


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _cell(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return _printable(", ".join(value))
    return _printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _printable(text: str, keep: str = "") -> str:
    """Escape what a terminal would obey: much of what is shown was written by strangers."""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or command_line_variables(os.environ.get("MAKEFLAGS", ""))))
