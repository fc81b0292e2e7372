"""Files: their names on disk, and the addresses by which they are known."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values.file import ENDINGS, ContentType, File, FilePlace, cleaned_name

PLACE = FilePlace("website", "test", "c", "5Q2G9ZB1N4XK7C0W8YH3TD6RVE")


def a_file(content_type: ContentType, name: str = "a.txt") -> File:
    return File(PLACE, content_type, name, "2026-01-31T12:00:00.000Z")


@pytest.mark.parametrize(
    ("sent", "content_type", "name"),
    [
        ("report.pdf", "application/pdf", "report.pdf"),
        ("Bericht für Zoë.PDF", "application/pdf", "Bericht für Zoë.PDF"),
        ("photo.jpeg", "image/jpeg", "photo.jpeg"),
        # Folders, of both kinds.
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\temp\\notes.txt", "text/plain", "notes.txt"),
        # What would run once it is on a disk.
        ("page.html", "text/plain", "page.html.txt"),
        ("run.bat", "text/plain", "run.bat.txt"),
        ("x.png.exe", "application/zip", "x.png.exe.zip"),
        # A right-to-left override shows "exe.png" as "gnp.exe".
        ("a\u202egnp.exe", "image/png", "agnp.exe.png"),
        ("a\r\nSet-Cookie: x=1\0.png", "image/png", "a Set-Cookie x=1.png"),
        ('a"b;c.png', "image/png", "ab;c.png"),
        (" . .hidden. ", "text/csv", "hidden.csv"),
        ("", "image/gif", "file.gif"),
        (None, "text/markdown", "file.md"),
        ("///", "image/webp", "file.webp"),
        (".zip", "application/zip", "zip.zip"),
        ("x" * 4096 + ".pdf", "application/pdf", "x" * 100 + ".pdf"),
    ],
)
def test_a_download_has_a_clean_name_with_the_ending_of_its_type(
    sent: str | None, content_type: ContentType, name: str
) -> None:
    assert cleaned_name(sent, content_type) == name


@given(st.text(max_size=200), st.sampled_from(sorted(ENDINGS)))
def test_whatever_was_sent_a_download_has_one_line_one_name_and_an_ending_of_its_type(
    sent: str, content_type: ContentType
) -> None:
    name = cleaned_name(sent, content_type)

    assert name.lower().endswith(tuple(ENDINGS[content_type]))
    assert re.search(r'[\x00-\x1f\x7f/\\<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]', name) is None
    assert cleaned_name(name, content_type) == name
    disposition = a_file("text/plain", name).disposition
    assert disposition.isascii()
    assert unquote(disposition.rpartition("''")[2]) == name


@pytest.mark.parametrize("content_type", sorted(ENDINGS))
def test_images_alone_are_shown_where_they_are(content_type: ContentType) -> None:
    disposition = a_file(content_type).disposition

    assert disposition == "inline" if content_type.startswith("image/") else disposition.startswith("attachment; ")


@pytest.mark.parametrize("prefix", ["https://api.example.com", "http://127.0.0.1:3000", "HTTPS://a.example/support"])
@pytest.mark.parametrize("suffix", ["", "?a=b", "#c", "#" + "c" * 20_000])
def test_a_file_is_known_by_its_address(prefix: str, suffix: str) -> None:
    assert FilePlace.of_url(prefix + PLACE.web_path + suffix) == PLACE


@pytest.mark.parametrize(
    "url",
    [
        PLACE.web_path,
        f"ftp://api.example.com{PLACE.web_path}",
        f"https://api.example.com{PLACE.web_path}/x",
        f"https://api.example.com{PLACE.web_path[:-1]}",
        f"https://api.example.com/a/b{PLACE.web_path}",
        f"https://api.example.com/?x={PLACE.web_path}",
        # Longer than what a gateway takes.
        f"https://api.example.com{PLACE.web_path}?{'x' * 10_240}",
    ],
)
def test_another_address_is_no_files(url: str) -> None:
    assert FilePlace.of_url(url) is None


def test_a_place_is_read_back_from_each_of_its_names() -> None:
    assert FilePlace.of_key(PLACE.key) == FilePlace.of_upload(PLACE.upload_key) == PLACE


@pytest.mark.parametrize("key", ["files/website/test/c/5Q2G9ZB1N4XK7C0W8YH3TD6RVE", "uploads/x", PLACE.copies])
def test_another_object_is_no_upload(key: str) -> None:
    assert FilePlace.of_upload(key) is None


def test_a_file_is_read_as_it_was_written() -> None:
    file = a_file("image/png")

    assert File.from_item(file.to_item()) == file
