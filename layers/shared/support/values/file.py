"""A file that belongs to a message: the value, its stored form, and its names in the bucket and on the web.

Its row stands in the partition of its conversation, and its objects live as long as that row: until a day has passed
without a message that names it, then as long as that message.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Self
from urllib.parse import quote, unquote

from support.dynamodb.items import Item, Key, key_of
from support.ids import ID, ULID
from support.values.api_key import Mode
from support.values.conversation import conversation_pk
from support.values.parts import Part
from support.values.stored_form import VERSION, StoredForm, stored_value
from support.values.timeline_item import TimelineItem

FILE_PREFIX = "FILE#"

#: The maximum size of a file, in bytes.
MAX_FILE_BYTES = 5 * 1024 * 1024

#: The types that a file may have.
ContentType = Literal[
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
    "text/csv",
    "text/markdown",
    "application/zip",
]
#: The endings of the names of each type, the usual one first.
ENDINGS: Mapping[ContentType, Sequence[str]] = {
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
_PLACE = rf"({ID})/(live|test)/({ID})/({ULID})"
_URL = re.compile(rf"(?i:https?)://[^/?#]+(?:/[^/?#]+)?{_PATH}{_PLACE}(?:[?#].*)?", re.DOTALL)
#: A longer address leads nowhere: API Gateway takes 10,240 bytes of request line and headers (quotas for HTTP APIs).
_MAX_SENT = 10_240
_UPLOAD = re.compile(rf"uploads/{_PLACE}")
#: What RFC 8187 section 3.2.1 (`attr-char`) leaves as it is, beside letters and digits.
_ATTR_CHARS = "!#$&+-.^_`|~"
#: What no common file system takes in a name.
_RESERVED = frozenset('<>:"|?*')


class FilePlace(NamedTuple):
    """Where a file is. The `id` has 128 random bits, so nobody guesses it."""

    website_id: str
    mode: Mode
    conversation_id: str
    id: str

    @property
    def key(self) -> Key:
        """The key of its row."""
        return conversation_pk(self.website_id, self.mode, self.conversation_id), FILE_PREFIX + self.id

    @property
    def upload_key(self) -> str:
        """The key of the object that a signed address writes."""
        return f"uploads/{self._path}"

    @property
    def copies(self) -> str:
        """What the keys of its copies begin with."""
        return f"files/{self._path}/"

    def copy_key(self, etag: str) -> str:
        """Return the key of the copy of a content that was checked. No signed address writes it."""
        return self.copies + etag

    @property
    def web_path(self) -> str:
        """Its path on the web."""
        return _PATH + self._path

    @property
    def _path(self) -> str:
        return "/".join(self)

    @classmethod
    def of_key(cls, key: Key) -> Self:
        """Return the place of a file by the key of its row."""
        _, website_id, mode, conversation_id = key[0].split("#")
        return cls(website_id, _mode(mode), conversation_id, key[1].removeprefix(FILE_PREFIX))

    @classmethod
    def of_upload(cls, object_key: str) -> Self | None:
        """Return the place of a file by the key of its upload; None for another object."""
        return cls._of(_UPLOAD.fullmatch(object_key))

    @classmethod
    def of_url(cls, url: str) -> Self | None:
        """Return the place of a file by its address on the web, whatever its host; None for another address."""
        # What is in the body may be a megabyte.
        sent = url.partition("#")[0]
        return cls._of(_URL.fullmatch(unquote(sent).strip())) if len(sent) <= _MAX_SENT else None

    @classmethod
    def _of(cls, match: re.Match[str] | None) -> Self | None:
        if match is None:
            return None
        website_id, mode, conversation_id, id_ = match.groups()
        return cls(website_id, _mode(mode), conversation_id, id_)


def _mode(text: str) -> Mode:
    return "live" if text == "live" else "test"


@stored_value
class File:
    """A file; `created_at` is RFC 3339 in UTC with milliseconds.

    `content_type` is what its address was signed for, and `name` how a download is called. `etag` names the content
    that was found to be of that type, with its `size` in bytes; there is none until something was found. `deleted_at`
    says when the message that named it was removed. `ttl` is the epoch second after which it is deleted, if ever.
    """

    place: FilePlace
    content_type: ContentType
    name: str
    created_at: str
    etag: str | None = None
    size: int | None = None
    deleted_at: str | None = None
    ttl: int | None = None

    @property
    def disposition(self) -> str:
        """How browsers show it: images where they are, everything else as a download under its name (RFC 6266)."""
        if self.content_type.startswith("image/"):
            return "inline"
        plain = re.sub(r"[^A-Za-z0-9._ -]", "_", self.name)
        return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(self.name, safe=_ATTR_CHARS)}"

    def to_item(self) -> Item:
        """Return the stored form."""
        pk, sk = self.place.key
        return {"PK": pk, "SK": sk, "form": VERSION, **_FORM.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "File":
        """Read the stored form."""
        return _FORM.read(item, place=FilePlace.of_key(key_of(item)))


_FORM = StoredForm(File, elsewhere={"place"})


class NamedFile(NamedTuple):
    """A file that a part of an item names, and the index of that part."""

    place: FilePlace
    part: int


def named_files(parts: Iterable[Part]) -> Iterator[NamedFile]:
    """Give the files of this API that the parts of an item name, of whatever conversation, in order."""
    for index, part in enumerate(parts):
        if part["type"] in {"file", "image"} and (place := FilePlace.of_url(str(part.get("url")))) is not None:
            yield NamedFile(place, index)


def file_keys(pk: str, items: Iterable[TimelineItem]) -> Iterable[Key]:
    """Return the keys of the files that items name, each once, but for those of other partitions than `pk`."""
    keys = (named.place.key for item in items for named in named_files(item.content.get("parts", ())))
    return dict.fromkeys(key for key in keys if key[0] == pk)


def cleaned_name(sent: str | None, content_type: ContentType) -> str:
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
