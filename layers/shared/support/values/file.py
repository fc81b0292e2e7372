"""A file that belongs to a message: the value, its stored form, and its names in the bucket and on the web.

Its row stands in the partition of its conversation, and its objects live as long as that row: until a day has passed
without a message that names it, then as long as that message.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote

from support.dynamodb.items import Item, Key
from support.ids import ID, ULID
from support.values.api_key import Mode
from support.values.conversation import conversation_pk
from support.values.parts import Part
from support.values.stored_form import VERSION, StoredForm
from support.values.timeline_item import TimelineItem

FILE_PREFIX = "FILE#"

#: The maximum size of a file, in bytes.
MAX_FILE_BYTES = 5 * 1024 * 1024

#: The types of files, with the endings of their names, the usual one first.
ENDINGS: Mapping[str, Sequence[str]] = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
    "text/plain": (".txt", ".log"),
    "text/csv": (".csv",),
    "text/markdown": (".md", ".markdown"),
    "application/zip": (".zip",),
}

_MAX_NAME = 100
_PATH = "/v1/files/"
_URL = re.compile(
    rf"https?://[^/?#]+(?:/[^/?#]+)?{_PATH}({ID})/(live|test)/({ID})/({ULID})(?:[?#].*)?", re.IGNORECASE | re.DOTALL
)
#: What RFC 8187 section 3.2.1 (`attr-char`) leaves as it is, beside letters and digits.
_ATTR_CHARS = "!#$&+-.^_`|~"
#: What no common file system takes in a name.
_RESERVED = frozenset('<>:"|?*')


@dataclass(frozen=True, slots=True)
class File:
    """A file; `created_at` is RFC 3339 in UTC with milliseconds.

    `content_type` is what its address was signed for, and `name` how a download is called. `etag` names the content
    that was found to be of that type, with its `size` in bytes; there is none until something was found. `ttl` is the
    epoch second after which it is deleted, if ever.
    """

    website_id: str
    mode: Mode
    conversation_id: str
    id: str
    content_type: str
    name: str
    created_at: str
    etag: str | None = None
    size: int | None = None
    ttl: int | None = None

    @property
    def pk(self) -> str:
        """The partition of its row, that of its conversation."""
        return conversation_pk(self.website_id, self.mode, self.conversation_id)

    @property
    def upload_key(self) -> str:
        """The key of the object that a signed address writes."""
        return f"uploads/{self._place}"

    def copy_key(self, etag: str) -> str:
        """Return the key of the copy of a content that was checked. No signed address writes it."""
        return f"{self.copies}{etag}"

    @property
    def copies(self) -> str:
        """What the keys of all its copies begin with."""
        return f"files/{self._place}/"

    @property
    def path(self) -> str:
        """Its path on the web."""
        return _PATH + self._place

    @property
    def disposition(self) -> str:
        """How browsers show it: images where they are, everything else as a download under its name (RFC 6266)."""
        if self.content_type.startswith("image/"):
            return "inline"
        plain = re.sub(r"[^A-Za-z0-9._ -]", "_", self.name)
        return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(self.name, safe=_ATTR_CHARS)}"

    @property
    def _place(self) -> str:
        return f"{self.website_id}/{self.mode}/{self.conversation_id}/{self.id}"

    def to_item(self) -> Item:
        """Return the stored form."""
        return {"PK": self.pk, "SK": file_sk(self.id), "form": VERSION, **_FORM.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "File":
        """Read the stored form."""
        return _FORM.read(item)


_FORM = StoredForm(File)


def file_sk(id_: str) -> str:
    """Return the sort key of a file."""
    return FILE_PREFIX + id_


def file_of(key: Key) -> File:
    """Return a file of which only the key is known, for the names of its objects."""
    _, website_id, mode, conversation_id = key[0].split("#")
    id_ = key[1].removeprefix(FILE_PREFIX)
    return File(website_id, "live" if mode == "live" else "test", conversation_id, id_, "", "", "")


def read_upload_key(object_key: str) -> Key | None:
    """Return the key of the row of an uploaded object, None if it is no upload's."""
    match = re.fullmatch(rf"uploads/({ID})/(live|test)/({ID})/({ULID})", object_key)
    if match is None:
        return None
    website_id, mode, conversation_id, id_ = match.groups()
    return conversation_pk(website_id, "live" if mode == "live" else "test", conversation_id), file_sk(id_)


def read_url(url: str) -> Key | None:
    """Return the key of the row of a file whose address on the web this is, on any host; None if it is none's."""
    match = _URL.fullmatch(unquote(url).strip())
    if match is None:
        return None
    website_id, mode, conversation_id, id_ = match.groups()
    return conversation_pk(website_id, "live" if mode == "live" else "test", conversation_id), file_sk(id_)


class NamedFile(NamedTuple):
    """A file that an item names: the key of its row, and the index of the part."""

    key: Key
    part: int


def named_files(items: Iterable[TimelineItem]) -> Iterator[NamedFile]:
    """Give the files of ours that items name, in any conversation, in order."""
    for item in items:
        yield from files_in(item.content.get("parts", ()))


def files_in(parts: Iterable[Part]) -> Iterator[NamedFile]:
    """Give the files of ours that the parts of an item name, in any conversation, in order."""
    for index, part in enumerate(parts):
        if part["type"] in {"file", "image"} and (key := read_url(str(part.get("url")))) is not None:
            yield NamedFile(key, index)


def cleaned_name(sent: str | None, content_type: str) -> str:
    """Return the name under which a file is downloaded: without folders, signs that nobody sees, and foreign endings.

    A text that is called `x.html` would be a page, with scripts, once it is on somebody's disk: it becomes
    `x.html.txt`.
    """
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", sent or "")[-1])
    seen = (" " if character.isspace() else character for character in name)
    name = "".join(one for one in seen if unicodedata.category(one)[0] != "C" and one not in _RESERVED)
    name = " ".join(name.split()).strip(". ")
    endings = ENDINGS[content_type]
    ending = next((one for one in endings if name.lower().endswith(one)), None)
    stem, ending = (name, endings[0]) if ending is None else (name[: -len(ending)], name[-len(ending) :])
    return f"{stem[:_MAX_NAME].strip('. ') or 'file'}{ending}"
