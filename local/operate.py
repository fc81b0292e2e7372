"""What operators do, as a command: on the table of `make run`, or with --stage on a deployed stack.

Each action is a command of its own, and each field of its event an option of that. Values come as they were typed, or
from a file (--event), and are read by nothing in between.
"""

import argparse
import asyncio
import getpass
import json
import os
import re
import socket
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from erasing.operations import Erasures
from operators.events import ACTIONS, ERASURES, Change, Creation, Event, FindVisitors
from operators.operations import Operations
from support.values.file import FilePlace

from local import dynamodb, export, s3
from local.runtime import FunctionError, Runtime
from local.template import TemplateError, latest

_COMMAND = ".venv/bin/python -m local.operate"
_EXAMPLE = f"""\
for example: {_COMMAND} create_website --name Shop --organization-id acme --allowed-origins shop.com www.shop.com

Without --stage an action works on the table of `make run`. Join a value that starts with a dash to its option by =.
What customers wrote, or what is to stay out of the shell's history, comes from a file: --event FILE.
"""
#: The function of each action, and where its purpose is said.
_ALL_ACTIONS = ACTIONS | ERASURES
_FUNCTIONS = dict.fromkeys(ACTIONS, "OperatorsFunction") | dict.fromkeys(ERASURES, "ErasingFunction")
_PURPOSES = dict.fromkeys(ACTIONS, Operations) | dict.fromkeys(ERASURES, Erasures)
#: What is done for a visitor is done for all visitors of a person, too, whom these fields of `find_visitors` name.
_FOR_A_PERSON = ("export_visitor", "erase_visitor")
_PERSON_FIELDS = ("external_id", "email", "include_claims")
#: Longer than any function may take to answer.
_ANSWER_SECONDS = 130
_DOWNLOAD_SECONDS = 60
_WIDEST = 60


class OperateError(Exception):
    """What was asked for can't be done; the text tells why."""


def main(words: Sequence[str]) -> int:
    """Carry out one action; return the exit code."""
    parser = _parser()
    options, unknown = parser.parse_known_args(words)
    if unknown:
        # Not the words themselves: a key may be among them.
        named = [word.partition("=")[0] for word in unknown if re.match(r"--[a-z-]+(=|\Z)", word)]
        parser.error(f"{options.action} has no {', '.join(named)}" if named else "a value follows the option it is for")
    if options.action is None:
        parser.print_help()
        return 0
    try:
        event = to_event(options)
        visitors = _visitors_of_person(options, event) if options.action in _FOR_A_PERSON else None
        if visitors is None:
            result = _carry_out(options, event)
        elif options.action == "export_visitor":
            result = _export_person(options, event, visitors)
        else:
            result = _erase_person(options, event, visitors)
    except FunctionError as error:
        _complain(f"{error}{_again(event)}")
        return 1
    except (OperateError, export.ExportError, TemplateError, BotoCoreError, ClientError) as error:
        _complain(str(error))
        return 1
    if "error" in result:
        _complain(_problem(result))
        return 1
    print(json.dumps(result, indent=2) if options.json else show(result))
    return 0


def _carry_out(options: argparse.Namespace, event: dict[str, Any]) -> dict[str, Any]:
    """Send an event, and those that its responses ask for."""
    if vars(options).get("to"):
        return {"conversations": export.write(_pages(options, event), Path(options.to), _get_file(options, event))}
    result = _invoke(options, event)
    while "error" not in result and "then" in result:
        _show_progress(result)
        time.sleep(result["waitSeconds"])
        result = _invoke(options, result["then"])
    return result


def _visitors_of_person(options: argparse.Namespace, event: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the visitors of the person whom an event names; None if it names a visitor."""
    if sum(name in event for name in ("visitorId", "externalId", "email")) != 1:
        raise OperateError(f"{options.action} needs visitorId, externalId or email, and only one of them.")
    if "visitorId" in event:
        return None
    visitors = []
    for page in _pages(options, event | {"action": "find_visitors"}):
        if "error" in page:
            raise OperateError(_problem(page))
        visitors += page["visitors"]
    if not visitors:
        raise OperateError("No visitor has proven this. Those who only claim it count with --include-claims.")
    return visitors


def _export_person(
    options: argparse.Namespace, event: dict[str, Any], visitors: list[dict[str, Any]]
) -> dict[str, Any]:
    if options.to is None:
        raise OperateError("For all visitors of a person, name a new folder: --to=FOLDER.")
    pages = {one["visitorId"]: _pages(options, _of_visitor(event, one)) for one in visitors}
    return {"visitors": export.write_all(visitors, pages, Path(options.to), _get_file(options, event))}


def _erase_person(options: argparse.Namespace, event: dict[str, Any], visitors: list[dict[str, Any]]) -> dict[str, Any]:
    """Erase visitors in turns, so that they share the minute in which nothing must be found.

    What finds them is erased early, so a run that ends before has named those that are left.
    """
    left = {one["visitorId"]: _of_visitor(event, one) for one in visitors}
    print(show({"visitors": visitors}), file=sys.stderr)
    try:
        while left:
            wait = 0
            for visitor_id, of_one in list(left.items()):
                result = _invoke(options, of_one)
                if "error" in result:
                    raise OperateError(_problem(result))
                if "then" in result:
                    _show_progress({"visitorId": visitor_id, **result})
                    left[visitor_id], wait = result["then"], max(wait, result["waitSeconds"])
                else:
                    del left[visitor_id]
            time.sleep(wait)
    finally:
        if left:
            _complain(
                "\n".join(["Not done yet, and only to be found by these:", *(f"--visitor-id={id_}" for id_ in left)])
            )
    return {"visitors": [{**one, "done": True} for one in visitors]}


def _of_visitor(event: dict[str, Any], visitor: dict[str, Any]) -> dict[str, Any]:
    of_person = {str(FindVisitors.model_fields[name].alias) for name in _PERSON_FIELDS}
    return {name: value for name, value in event.items() if name not in of_person} | {"visitorId": visitor["visitorId"]}


def _pages(options: argparse.Namespace, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return export.pages(lambda cursor: _invoke(options, event | ({"cursor": cursor} if cursor else {})))


def _get_file(options: argparse.Namespace, event: dict[str, Any]) -> export.GetFile:
    """Return what gets the files of the website and the mode that an event is for.

    It reads only where the function tells it to: the address in a message is a stranger's.
    """

    def get(place: FilePlace) -> export.Content | None:
        if place[:2] != (event["websiteId"], event["mode"]):
            return None
        of_file = {"conversationId": place.conversation_id, "fileId": place.id}
        of_export = {name: value for name, value in event.items() if name in {"actor", "websiteId", "mode"}}
        result = _invoke(options, {"action": "get_file", **of_export, **of_file})
        if "error" in result:
            if result["error"]["code"] == "NOT_FOUND":
                return None
            raise OperateError(_problem(result))
        file = result["file"]
        try:
            with urlopen(result["downloadUrl"], timeout=_DOWNLOAD_SECONDS) as response:  # noqa: S310 (the function's)
                return export.Content(file["name"], file["contentType"], response.read())
        except HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:  # since then
                return None
            raise OperateError(f"A file can't be read: HTTP {error.code}.") from None
        except (HTTPException, OSError) as error:
            raise OperateError(f"A file can't be read: {type(error).__name__}.") from None

    return get


def _show_progress(result: dict[str, Any]) -> None:
    print(show({name: value for name, value in result.items() if name not in {"then", "waitSeconds"}}), file=sys.stderr)


def _invoke(options: argparse.Namespace, event: dict[str, Any]) -> dict[str, Any]:
    if options.stage:
        return _invoke_deployed(options.stage, event)
    return asyncio.run(_invoke_local(options.dynamodb_port, event))


def to_event(options: argparse.Namespace) -> dict[str, Any]:
    """Build the event from the options and what --event names; whether it is right is for the function to say.

    It bears the id of what it makes, so that it can be sent again whatever becomes of it.
    """
    model, given = _ALL_ACTIONS[options.action], vars(options)
    written = {} if options.event is None else _read(options.event)
    if written.pop("action", options.action) != options.action:
        raise OperateError(f"The event in {options.event} is one of another action.")
    event: dict[str, Any] = {"actor": _user(), **written, "action": options.action}
    fields = _fields(model)
    if options.action in _FOR_A_PERSON:
        fields |= _fields(FindVisitors)
    event |= {str(field.alias): given[name] for name, field in fields.items() if name in given}
    if issubclass(model, Creation):
        event.setdefault("newId", model.model_fields["new_id"].get_default(call_default_factory=True))
    return event


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # What follows a colon quotes what was typed, which may be a key.
        self.exit(2, f"{self.prog}: {_printable(message.partition(':')[0])}. --help lists what there is.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_COMMAND, epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.description = "What operators do: websites, allowed origins, API keys, and a look at a conversation."
    commands = parser.add_subparsers(dest="action", metavar="ACTION", title="actions (ACTION --help lists its options)")
    for action, model in _ALL_ACTIONS.items():
        purpose = getattr(_PURPOSES[action], action).__doc__
        command = commands.add_parser(action, help=purpose.splitlines()[0], description=purpose, allow_abbrev=False)
        command.usage = f"{command.prog} [--option=VALUE ...]"
        _add_fields(command.add_argument_group("fields of the event"), model)
        if action in _FOR_A_PERSON:
            person = command.add_argument_group("instead of a visitor's id, for all visitors of a person")
            _add_fields(person, FindVisitors, _PERSON_FIELDS)
        command.add_argument("--event", metavar="FILE", help="more fields, as a JSON object; - reads standard input")
        command.add_argument(
            "--stage",
            default=os.environ.get("STAGE"),
            help="a deployed stage: dev, staging or prod (or STAGE, exported)",
        )
        command.add_argument("--dynamodb-port", default=os.environ.get("DYNAMODB_PORT", "8000"), help="of `make run`")
        if action == "export_visitor":
            command.add_argument(
                "--to", metavar="FOLDER", help="write all pages into a new folder, to read and to load"
            )
        command.add_argument("--json", action="store_true", help="print the answer as JSON")
    return parser


def _add_fields(group: "argparse._ArgumentGroup", model: type[Event], only: Collection[str] = ()) -> None:
    schema = model.model_json_schema()
    for name, field in _fields(model).items():
        if only and name not in only:
            continue
        of_field = schema["properties"][field.alias]
        forms = [of_field, *of_field.get("anyOf", [])]
        types = {form.get("type") for form in forms}
        default = of_field.get("default")
        notes = [
            "required" if field.is_required() else "",
            of_field.get("description", ""),
            f"{default} by default" if default else "",
        ]
        how: dict[str, Any] = {"default": argparse.SUPPRESS, "dest": name, "help": "; ".join(filter(None, notes))}
        if "enum" in of_field:
            how["metavar"] = "|".join(of_field["enum"])
        if "boolean" in types:
            how["action"] = "store_true"
        elif "array" in types:
            how |= {"action": "extend", "nargs": "*"}
            if any("$ref" in form.get("items", {}) for form in forms):
                how["type"] = _object
        elif "integer" in types:
            how["type"] = _number
        group.add_argument(f"--{name.replace('_', '-')}", **how)


def _fields(model: type[Event]) -> dict[str, Any]:
    return {name: field for name, field in model.model_fields.items() if name != "action"}


def _number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (RecursionError, ValueError):
        return text


def _user() -> str | None:
    try:
        return getpass.getuser()
    except OSError:  # a user without a name, as in some containers
        return None


def _read(path: str) -> dict[str, Any]:
    try:
        fields = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text())
    except RecursionError:
        raise OperateError(f"{path} can't be read as JSON: it is nested too deeply.") from None
    except (OSError, ValueError) as error:
        raise OperateError(f"{path} can't be read as JSON: {error}") from None
    if not isinstance(fields, dict):
        raise OperateError(f"{path} must hold a JSON object: the fields of an event.")
    return fields


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
            blocks.append(f"Shown this once:\n\n  {value}")
        elif value is not None:
            blocks.append(f"{name}: {_cell(value)}")
    return "\n\n".join(blocks)


async def _invoke_local(port: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
    except (OSError, OverflowError, ValueError):
        raise OperateError(f"Nothing listens on port {port}. Start 'make run', and leave it running.") from None
    log: list[str] = []
    runtime = Runtime(1, f"http://127.0.0.1:{port}", log.append, _bucket_of(int(port)))
    try:
        result: dict[str, Any] = await runtime.invoke(latest().function(_FUNCTIONS[event["action"]]), event)
    finally:
        await runtime.stop()
    if result.get("error", {}).get("code") == "INTERNAL_ERROR":
        _complain("\n".join(log))
    return result


def _bucket_of(port: int) -> dict[str, str]:
    """Return the variable that leads to the bucket's engine of the `make run` behind a port, if that has noted it."""
    try:
        return {"AWS_ENDPOINT_URL_S3": (dynamodb.data_folder(port) / s3.NOTED).read_text()}
    except OSError:
        return {}


def _invoke_deployed(stage: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        [stack] = boto3.client("cloudformation").describe_stacks(StackName=f"conversations-{stage}")["Stacks"]
        # Sent once: whether to send it again is for the operator to say.
        client = boto3.client(
            "lambda", config=Config(retries={"total_max_attempts": 1}, read_timeout=_ANSWER_SECONDS, tcp_keepalive=True)
        )
    except NoRegionError:
        raise OperateError("Which region? export AWS_DEFAULT_REGION, or AWS_PROFILE with one that names it.") from None
    except ValueError as error:  # of an endpoint or a region that is none
        raise OperateError(str(error)) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    function = _FUNCTIONS[event["action"]]
    if function not in outputs:
        raise OperateError(f"The stack {stack['StackName']} has no output {function}.")
    try:
        answer = client.invoke(FunctionName=outputs[function], Payload=json.dumps(event).encode())
        result: dict[str, Any] = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise  # Lambda refused it, and did not invoke the function
        raise FunctionError(f"No answer came: {error}") from None
    if "FunctionError" in answer:
        raise FunctionError(f"The function gave no answer: {result.get('errorMessage', answer['FunctionError'])}")
    return result


def _again(event: dict[str, Any]) -> str:
    """Tell what to do when a change was sent and not answered."""
    if not issubclass(_ALL_ACTIONS[event["action"]], Change):
        return ""
    named = f", with --new-id={event['newId']}" if "newId" in event else ""
    return f"\nIt is not known whether this was carried out: please send the same action again{named}."


def _complain(text: str) -> None:
    print(_printable(text, keep="\n"), file=sys.stderr)


def _problem(result: dict[str, Any]) -> str:
    error = result["error"]
    details = [f"  {detail['path'] or 'The event'} {detail['message']}" for detail in error.get("details", [])]
    return "\n".join([error["code"], *(details or [f"  {error['message']}"])])


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
    sys.exit(main(sys.argv[1:]))
