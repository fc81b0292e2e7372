"""Writes what is exported of a visitor into a folder: JSON for programs, and a page to read for each conversation.

The words are strangers', and the pages are opened from disk: all of them is escaped, and the pages may load nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

Page = dict[str, Any]

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
"""
_SHOWN_APART = {"id", "conversationId", "organizationId", "createdAt", "visibility", "type", "text"}


class ExportError(Exception):
    """The folder can't be written; the text tells why."""


def pages(ask: Callable[[str | None], Page]) -> Iterator[Page]:
    """Give all pages of an export; `ask` returns the page of a cursor."""
    cursor = None
    while True:
        page = ask(cursor)
        yield page
        cursor = page.get("nextCursor")
        if cursor is None:
            return


def write(found: Iterator[Page], folder: Path) -> int:
    """Write pages into a new folder, and return how many conversations there were. Raises `ExportError`."""
    _make(folder)
    about: Page = {"visitor": None, "feedback": []}
    conversation: Page = {}
    number = 0
    for page in found:
        if "error" in page:
            raise ExportError(f"{folder} is not complete: {page['error']['message']}")
        about["visitor"] = page.get("visitor", about["visitor"])
        about["feedback"] += page.get("feedback", [])
        if "seen" in page:
            _write_conversation(folder, number, conversation)
            number += 1
            conversation = {name: page[name] for name in ("conversation", "seen", "timelineItems")}
        elif conversation:
            conversation["timelineItems"] += page.get("timelineItems", [])
    _write_conversation(folder, number, conversation)
    _write_json(folder / "visitor.json", about)
    return number


def write_all(visitors: Sequence[Page], found: Mapping[str, Iterator[Page]], folder: Path) -> list[Page]:
    """Write visitors into a new folder: a list of them, and the pages of each, by their ids, in a folder of its own.

    Returns them, each with how many conversations there were. Raises `ExportError`.
    """
    _make(folder)
    counted = [{**one, "conversations": write(found[one["visitorId"]], folder / one["visitorId"])} for one in visitors]
    # The last one, so that it tells that nothing is missing.
    _write_json(folder / "visitors.json", counted)
    return counted


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ExportError(f"{folder} must be a new folder: {error.strerror}.") from None


def _write_conversation(folder: Path, number: int, conversation: Page) -> None:
    if conversation:
        # Ids may differ by the case of a letter alone, which not every file system tells.
        name = f"{number:04}-{conversation['conversation']['id']}"
        _write_json(folder / f"{name}.json", conversation)
        (folder / f"{name}.html").write_text(transcript(conversation), "utf-8")


def transcript(conversation: Page) -> str:
    """Return a conversation as a page to read."""
    about, items = conversation["conversation"], conversation["timelineItems"]
    title = escape(f"Conversation {about['id']}")
    return "\n".join([f"{_HEAD}<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>", *map(_item, items)]) + (
        f"\n<h2>About it</h2>\n<pre>{_as_text(about)}</pre>"
        f"\n<h2>Seen by</h2>\n<pre>{_as_text(conversation['seen'])}</pre>\n</body>\n</html>\n"
    )


def _item(item: Page) -> str:
    author = next((f"{kind} {item[kind]}" for kind in ("visitorId", "userId", "aiAgentId") if item.get(kind)), "nobody")
    heading = escape(f"{item['createdAt']}, {item['visibility']} {item['type']}, {author}")
    # Of text it is the same again.
    item = {**item, "parts": [part for part in item["parts"] if part.get("type") != "text"]}
    rest = {name: value for name, value in item.items() if name not in _SHOWN_APART and value not in (None, [])}
    text = f"<pre>{escape(item['text'])}</pre>" if item.get("text") else ""
    more = f"<details><summary>More</summary><pre>{_as_text(rest)}</pre></details>"
    return f"<article>\n<h2>{heading}</h2>\n{text}\n{more}\n</article>"


def _as_text(value: object) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), "utf-8")
