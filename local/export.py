"""Writes what is exported of a visitor into a folder: JSON for programs, and a page to read for each conversation.

The words are strangers', and the pages are opened from disk: all of them is escaped, and the pages may load nothing.
Files that messages name are stored beside the pages. What else a message leads to is a stranger's, and is not fetched.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from support.values.file import ContentType, FilePlace, cleaned_name, named_files

Page = dict[str, Any]


class Content(NamedTuple):
    """A file as it was got."""

    name: str
    content_type: ContentType
    content: bytes


#: Gets a file; None where it is gone, or has not arrived.
GetFile = Callable[[FilePlace], Content | None]

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
"""
_SHOWN_APART = {"id", "conversationId", "organizationId", "createdAt", "visibility", "type", "text"}
#: A name has 255 bytes at most in nearly all file systems; a number and an ending are added to these.
_MAX_STEM_BYTES = 200


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


def write(found: Iterator[Page], folder: Path, get_file: GetFile) -> int:
    """Write pages into a new folder, with the files that they name, and return how many conversations there were.

    Raises `ExportError`.
    """
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
            _write_conversation(folder, number, conversation, get_file)
            number += 1
            conversation = {name: page[name] for name in ("conversation", "seen", "timelineItems")}
        elif conversation:
            conversation["timelineItems"] += page.get("timelineItems", [])
    _write_conversation(folder, number, conversation, get_file)
    _write_json(folder / "visitor.json", about)
    return number


def write_all(
    visitors: Sequence[Page], found: Mapping[str, Iterator[Page]], folder: Path, get_file: GetFile
) -> list[Page]:
    """Write visitors into a new folder: a list of them, and the pages of each, by their ids, in a folder of its own.

    Returns them, each with how many conversations there were. Raises `ExportError`.
    """
    _make(folder)
    ids = [one["visitorId"] for one in visitors]
    counts = [write(found[id_], folder / id_, get_file) for id_ in ids]
    counted = [{**one, "conversations": count} for one, count in zip(visitors, counts, strict=True)]
    # The last one, so that it tells that nothing is missing.
    _write_json(folder / "visitors.json", counted)
    return counted


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ExportError(f"{folder} must be a new folder: {error.strerror}.") from None


def _write_conversation(folder: Path, number: int, conversation: Page, get_file: GetFile) -> None:
    if conversation:
        # Ids may differ by the case of a letter alone, which not every file system tells.
        name = f"{number:04}-{conversation['conversation']['id']}"
        files = _write_files(folder / f"{name}-files", conversation, get_file)
        _write_json(folder / f"{name}.json", {**conversation, "files": files})
        (folder / f"{name}.html").write_text(transcript(conversation, files), "utf-8")


def _write_files(folder: Path, conversation: Page, get_file: GetFile) -> list[Page]:
    """Write the files that the items of a conversation name, each once, and return which item names which.

    `path` is where a file is, seen from the pages; None where it is gone, or never arrived.
    """
    paths: dict[FilePlace, str | None] = {}
    files = []
    for item in conversation["timelineItems"]:
        for place, part in named_files(item["parts"]):
            if place.conversation_id != conversation["conversation"]["id"]:
                continue
            if place not in paths:
                found = get_file(place)
                paths[place] = None if found is None else _write_file(folder, len(paths) + 1, found)
            files.append({"itemId": item["id"], "part": part, "path": paths[place]})
    return files


def _write_file(folder: Path, number: int, found: Content) -> str:
    """Write a file under a name that is safe on every disk, and return where it is, seen from the pages."""
    stem, _, ending = cleaned_name(found.name, found.content_type).rpartition(".")
    short = stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
    path = folder / f"{number:03}-{short}.{ending}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(found.content)
    return f"{folder.name}/{path.name}"


def transcript(conversation: Page, files: Sequence[Page]) -> str:
    """Return a conversation, and where its files are, as a page to read."""
    about, items = conversation["conversation"], conversation["timelineItems"]
    title = escape(f"Conversation {about['id']}")
    articles = [_item(item, [one for one in files if one["itemId"] == item["id"]]) for item in items]
    return "\n".join([f"{_HEAD}<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>", *articles]) + (
        f"\n<h2>About it</h2>\n<pre>{_as_text(about)}</pre>"
        f"\n<h2>Seen by</h2>\n<pre>{_as_text(conversation['seen'])}</pre>\n</body>\n</html>\n"
    )


def _item(item: Page, files: Sequence[Page]) -> str:
    author = next((f"{kind} {item[kind]}" for kind in ("visitorId", "userId", "aiAgentId") if item.get(kind)), "nobody")
    heading = escape(f"{item['createdAt']}, {item['visibility']} {item['type']}, {author}")
    # Of text it is the same again.
    item = {**item, "parts": [part for part in item["parts"] if part.get("type") != "text"]}
    rest = {name: value for name, value in item.items() if name not in _SHOWN_APART and value not in (None, [])}
    text = f"<pre>{escape(item['text'])}</pre>" if item.get("text") else ""
    more = f"<details><summary>More</summary><pre>{_as_text(rest)}</pre></details>"
    return "\n".join([f"<article>\n<h2>{heading}</h2>\n{text}", *map(_file, files), f"{more}\n</article>"])


def _file(file: Page) -> str:
    if file["path"] is None:
        return "<p>A file that is gone, or that never arrived.</p>"
    name = escape(file["path"].rpartition("/")[2])
    return f'<p>File: <a href="{escape(quote(file["path"]))}" download>{name}</a></p>'


def _as_text(value: object) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), "utf-8")
