"""What the worst bodies cost beside valid ones of their size; `make bench PART=bodies`.

Each kind of wrong body has a valid one of the same size and make: the same entries where they are right, as many as are
allowed, or in a field that is ignored. Both are read and validated in turn, in a process of their own. Prints medians
of the processor time and the most memory that the first one took; a ratio above 2 is marked.
"""

import json
import os
import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from api.http.bodies import MAX_BODY_BYTES, parse_body
from api.http.requests.conversations import ConversationRequest
from support.errors import Refusal

from tests.builders import VISITOR

_ROUNDS, _TARGET = 15, 2.0

#: Less than this is not worth a ratio, in MB.
_SMALL = 2.0

_TIMELINE = "defaultTimelineItems"


def _body(fields: str) -> bytes:
    return f'{{"visitorId":"{VISITOR}",{fields}}}'.encode()


def _filled(before: str, entry: Callable[[int], str] | str, after: str, times: int = MAX_BODY_BYTES) -> bytes:
    """Put as many entries between the two as a body may hold, or so many."""
    room = MAX_BODY_BYTES - len(_body(before + after))
    entries: list[str] = []
    while len(entries) < times:
        entries.append(entry(len(entries)) if callable(entry) else entry)
        room -= len(entries[-1].encode()) + 1
        if room < 0:
            entries.pop()
            break
    return _body(before + ",".join(entries) + after)


def _long(before: str, unit: str, after: str) -> bytes:
    return _body(before + unit * ((MAX_BODY_BYTES - len(_body(before + after))) // len(unit.encode())) + after)


def _items(item: str, last: str | None = None, times: int = 99) -> bytes:
    return _filled(f'"{_TIMELINE}":[', lambda n: last if last and n == times - 1 else item, "]", times)


def _parts(part: str, last: str | None = None, times: int = 100) -> str:
    return '{"parts":[' + ",".join([part] * (times - 1) + [last or part]) + "]}"


def _part(**fields: Any) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _in_part(fields: str) -> tuple[str, str]:
    return f'"{_TIMELINE}":[{{"parts":[{{{fields}', "}]}]"


def _named(value: str, width: int = 0) -> Callable[[int], str]:
    return lambda n: f'"{n:0{width}}":{value}'


_TEXT = _part(type="text", text="x" * 70)
_STEP, _EVENT = _part(type="step-start"), '{"type":"event","":1}'
_TOOL = '"type":"tool-x","toolCallId":"","toolName":"","state":"result","input":{"x":['
_REASONING = '"type":"reasoning","text":"","providerMetadata":{'
_PAGE = '"type":"source-url","sourceId":"","url":"https://'
_WRONG_ITEM = '{"id":1,"visibility":1,"type":1,"text":1,"tool":1,"parts":1,"userId":1,"aiAgentId":1,"createdAt":1}'
_RIGHT_ITEM = '{"id":"","text":"","tool":"","parts":[],"userId":"","aiAgentId":"","createdAt":"","conversationId":"x"}'

#: What is valid with a megabyte of these: an ignored field.
_IGNORED_LISTS = _filled('"x":[', "[]", "]")
_IGNORED_NUMBERS = _filled('"x":[', "1", "]")
_ONE_TEXT = _long(f'"{_TIMELINE}":[{{"text":"', "x", '"}]')

BODIES: dict[str, tuple[bytes, bytes]] = {
    "metadata: too many values": (_filled('"metadata":{', _named("1"), "}"), _filled('"x":{', _named("1"), "}")),
    "metadata: wrong values": (_filled('"metadata":{', _named("[]"), "}"), _filled('"x":{', _named("[]"), "}")),
    "metadata: wrong names": (_filled('"metadata":{', _named("1", 65), "}"), _filled('"x":{', _named("1", 65), "}")),
    "metadata: a nested value": (_filled('"metadata":{"x":[', "[]", "]}"), _filled('"x":{"x":[', "[]", "]}")),
    "metadata: a long value": (_long('"metadata":{"x":"', "x", '"}'), _long('"x":{"x":"', "x", '"}')),
    "metadata: a long name": (_long('"metadata":{"', "x", '":1}'), _long('"x":{"', "x", '":1}')),
    "items: too many": (_filled(f'"{_TIMELINE}":[', "{}", "]"), _filled('"x":[', "{}", "]")),
    "items: too many, wrong": (_filled(f'"{_TIMELINE}":[', "1", "]"), _IGNORED_NUMBERS),
    "items: 99, all fields wrong": (_items(_WRONG_ITEM), _items(_RIGHT_ITEM)),
    "parts: too many": (_items(_parts(_STEP, times=450)), _filled('"x":[', _parts(_STEP, times=450), "]")),
    "parts: too many, wrong": (_items(_parts("1", times=5_000)), _filled('"x":[', _parts("1", times=5_000), "]")),
    "parts: 9,900 wrong": (_items(_parts(_EVENT)), _items(_parts(_STEP))),
    "parts: 100 wrong": (_items(_parts(_EVENT), times=1), _items(_parts(_STEP), times=1)),
    "parts: the last wrong": (_items(_parts(_TEXT), _parts(_TEXT, _EVENT)), _items(_parts(_TEXT))),
    "parts: every hundredth wrong": (_items(_parts(_TEXT, _EVENT)), _items(_parts(_TEXT))),
    "part: many names": (
        _filled(_in_part('"type":"event",')[0], _named("1"), "}]}]"),
        _filled(_in_part('"type":"step-start",')[0], _named("1"), "}]}]"),
    ),
    "part: a tool's input": (
        _filled(_in_part(_TOOL.replace('""', "1"))[0], "[]", "]}}]}]"),
        _filled(_in_part(_TOOL)[0], "[]", "]}}]}]"),
    ),
    "part: a provider's names": (
        _filled(_in_part(_REASONING + '"cossistant":1,')[0], _named("1"), "}}]}]"),
        _filled(_in_part(_REASONING)[0], _named("1"), "}}]}]"),
    ),
    "string: an id": (_long('"conversationId":"', "x", '"'), _ONE_TEXT),
    "string: a visitor": (_long('"visitorId":"', "0", '"'), _long('"x":"', "0", '"')),
    "string: a channel": (_long('"channel":"', "x", '"'), _ONE_TEXT),
    "string: a part's type": (
        _long(_in_part(_TOOL + ']},"type":"tool-')[0], "x", '\\n"}]}]'),
        _long(_in_part(_TOOL + ']},"type":"tool-')[0], "x", '"}]}]'),
    ),
    "string: a time": (
        _long(f'"{_TIMELINE}":[{{"createdAt":"2026-01-01T00:00:00.', "1", '"}]'),
        _long(f'"{_TIMELINE}":[{{"createdAt":"2026-01-01T00:00:00.', "1", 'Z"}]'),
    ),
    "string: a url's path": (
        _long(_in_part(_PAGE)[0] + "x/", "x", ' "}]}]'),
        _long(_in_part(_PAGE)[0] + "x/", "x", '"}]}]'),
    ),
    "string: a url's host": (
        _long(_in_part(_PAGE)[0], "é", '"}]}]'),
        _long(_in_part(_PAGE)[0], "é.", '"}]}]'),
    ),
    "string: a disguised scheme": (
        _long(_in_part('"type":"file","mediaType":"","url":"java')[0], "\\t", 'script:"}]}]'),
        _long(_in_part('"type":"file","mediaType":"","url":"java')[0], "\\t", '"}]}]'),
    ),
    "string: escapes": (_long('"conversationId":"', "\\u0000", '"'), _long('"x":"', "\\u0000", '"')),
    "JSON: a name again and again": (_filled("", '"metadata":[]', ""), _filled("", '"metadata":{}', "")),
    "JSON: an array": (b"[" + b"[]," * (MAX_BODY_BYTES // 3 - 1) + b"1]", _IGNORED_LISTS),
    "JSON: cut at the end": (_IGNORED_LISTS[:-2], _IGNORED_LISTS),
    "JSON: too deep": (b"[" * MAX_BODY_BYTES, _IGNORED_LISTS),
    "JSON: half an emoji at the end": (
        _long('"x":"', "\\ud83d\\ude00", '\\ud83d"'),
        _long('"x":"', "\\ud83d\\ude00", '"'),
    ),
    "numbers: whole, the first too large": (_filled('"x":[1e400,', "1", "]"), _filled('"x":[1e300,', "1", "]")),
    "numbers: 1e300, the first too large": (_filled('"x":[1e400,', "1e300", "]"), _filled('"x":[', "1e300", "]")),
    "numbers: 1e-400, the first too large": (
        _filled('"x":[1e400,', "1e-400", "]"),
        _filled('"x":[1e300,', "1e-400", "]"),
    ),
    "numbers: one too large, before objects": (_filled('"x":[1e400,', "{}", "]"), _filled('"x":[1e300,', "{}", "]")),
    "numbers: one too large, before texts": (_filled('"x":[1e400,', '""', "]"), _filled('"x":[1e300,', '""', "]")),
    "numbers: one too large, before names": (
        _filled('"x":{"":1e400,', _named("1"), "}"),
        _filled('"x":{"":1e300,', _named("1"), "}"),
    ),
    "numbers: of 308 digits, the first of 310": (
        _filled(f'"x":[{"1" * 310},', "1" * 308, "]"),
        _filled('"x":[', "1" * 308, "]"),
    ),
    "numbers: of 4,300 digits": (_filled('"x":[', "1" * 4_300, "]"), _filled('"x":[', "1" * 308, "]")),
    "numbers: of 4,301 digits": (_filled('"x":[', "1" * 4_301, "]"), _filled('"x":[', "1" * 308, "]")),
    "numbers: one of a megabyte": (_long('"x":', "1", ""), _filled('"x":[', "1" * 308, "]")),
}


def _is_valid(body: bytes) -> bool:
    try:
        parse_body(body, ConversationRequest, MAX_BODY_BYTES)
    except Refusal:
        return False
    return True


def _milliseconds(body: bytes) -> float:
    started = time.process_time()
    _is_valid(body)
    return (time.process_time() - started) * 1000


def _megabytes(body: bytes) -> float:
    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = peak()
    _is_valid(body)
    return (peak() - before) / 1024


def _apart(measure: Callable[..., Any], *bodies: bytes) -> Any:
    """Measure in a fork: what one body leaves behind is no other's."""
    read, write = os.pipe()
    if not (child := os.fork()):
        os.write(write, json.dumps(measure(*bodies)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        measured = json.load(pipe)
    os.waitpid(child, 0)
    return measured


def _times(*bodies: bytes) -> list[float]:
    rounds = [[_milliseconds(body) for body in bodies] for _ in range(_ROUNDS)]
    return [median(times) for times in zip(*rounds, strict=True)]


def _ratio(wrong: float, valid: float) -> str:
    ratio = wrong / valid
    return f"{ratio:7.2f} {f'>{_TARGET:.0f}' if ratio > _TARGET else '  '}"


def main() -> None:
    """Measure and print."""
    for body in BODIES["items: 99, all fields wrong"] + BODIES["parts: 100 wrong"]:
        _is_valid(body)  # what is built on first use is none of theirs
    print(f"{'':41}{'KB':>6}{'ms wrong':>11}{'valid':>8}{'ratio':>8}   {'MB wrong':>11}{'valid':>8}{'ratio':>8}")
    for name, (wrong, valid) in BODIES.items():
        if [_apart(_is_valid, body) for body in (wrong, valid)] != [False, True]:
            raise RuntimeError(f"{name}: the wrong body is to be refused, and the valid one to be taken")
        times = _apart(_times, wrong, valid)
        megabytes = [_apart(_megabytes, body) for body in (wrong, valid)]
        print(
            f"{name:41}{len(wrong) / 1024:6.0f}{times[0]:11.2f}{times[1]:8.2f} {_ratio(*times)}"
            f"{megabytes[0]:12.1f}{megabytes[1]:8.1f} {_ratio(*(max(one, _SMALL) for one in megabytes))}",
            flush=True,
        )


if __name__ == "__main__":
    main()
