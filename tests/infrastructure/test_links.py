"""Links between files of this repository: each leads to a file that is there, and to a heading that it has.

Links in Markdown are checked, and so is every page that code and configuration name, such as docs/deploy.md. Addresses
on the web are not asked.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT

#: What is downloaded or built here is no part of the repository, and neither is what git keeps.
NOT_OURS = {".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines())}

#: `[text](target)`, and `[name]: target` at the start of a line.
LINK = re.compile(r"\]\(\s*<?([^\s>)]+)|^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE)
BLOCK = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
#: It ends with its paragraph at the latest.
SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)*?(?<!`)\1(?!`)", re.DOTALL)
HEADING = re.compile(r"^ {0,3}#{1,6} +(.*?)(?: +#+)?$", re.MULTILINE)
#: A page of ours in a comment or a message.
MENTION = re.compile(r"\b(?:docs/[a-z-]+|README|SECURITY|CONTRIBUTING|CHANGELOG)\.md\b(?:#[\w-]+)?")


def files(folder: Path) -> Iterator[Path]:
    """Yield every file of the repository under a folder."""
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS:
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def links(markdown: str) -> list[str]:
    """Return the targets of the links in a Markdown text, without those on the web."""
    found = (inline or reference for inline, reference in LINK.findall(SPAN.sub("", BLOCK.sub("", markdown))))
    return [target for target in found if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors(markdown: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a Markdown text."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(BLOCK.sub("", markdown)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def fault(target: str, page: Path, root: Path) -> str | None:
    """Say what is wrong with a link on a page of the repository under a root, or return None."""
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    if not there.is_relative_to(root) or not there.exists() or NOT_OURS.intersection(there.relative_to(root).parts):
        return "there is no such file in the repository"
    # A line number, for one, soon names another line.
    if anchor and (there.suffix != ".md" or anchor not in anchors(there.read_text())):
        return "there is no such heading"
    return None


def faults(root: Path) -> list[str]:
    """Name each link in the Markdown under a root that leads nowhere."""
    pages = [path for path in files(root) if path.suffix == ".md"]
    found = ((page, target, fault(target, page, root)) for page in pages for target in links(page.read_text()))
    return [f"{page.relative_to(root)}: {target}: {wrong}" for page, target, wrong in found if wrong]


def test_every_link_in_markdown_leads_somewhere() -> None:
    assert faults(ROOT) == []


def test_every_page_that_code_or_configuration_names_is_there() -> None:
    named = [
        (path, mention)
        for path in files(ROOT)
        if path.suffix in {".cjs", ".py", ".toml", ".ts", ".yaml", ".yml"} or path.name in {"Makefile", "run"}
        for mention in MENTION.findall(path.read_text())
    ]

    assert len(named) >= 6
    wrong = [(path, mention, fault(mention, ROOT / "README.md", ROOT)) for path, mention in named]
    assert [f"{path.relative_to(ROOT)}: {mention}: {said}" for path, mention, said in wrong if said] == []


def test_every_page_is_on_the_map() -> None:
    on_the_map = {target.partition("#")[0] for target in links((ROOT / "README.md").read_text())}

    pages = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]}
    assert pages - on_the_map == {"README.md"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "build").mkdir()
    (tmp_path / "code.py").touch()
    (tmp_path / "build" / "made.txt").touch()
    (tmp_path / "pages" / "page.md").write_text(
        "# The `first`, it's true\n\n```sh\n# no heading\n```\n\n## Same\n\n## Same\n"
    )
    return tmp_path.resolve()


@pytest.mark.parametrize(
    "link",
    [
        "[a](pages/page.md)",
        "[a](pages)",
        "[a](code.py)",
        "![a](<code.py>)",
        '[a](code.py "title")',
        "[a]: code.py",
        "[a](pages/page.md#the-first-its-true)",
        "[a](pages/page.md#same-1)",
        "[a](#here)",
        "[a](https://example.com/none#none)",
        "[a](mailto:a@example.com)",
        "`[a](none.md)`",
        "```\n[a](none.md)\n```",
    ],
)
def test_a_good_link_is_none_of_the_faults(repository: Path, link: str) -> None:
    (repository / "start.md").write_text(f"# Here\n\n{link}\n")

    assert faults(repository) == []


@pytest.mark.parametrize(
    "link",
    [
        "[a](none.md)",
        "[a](pages/none.md#same)",
        "![a](none.png)",
        "[a]: none.md",
        "[a](pages/page.md#none)",
        "[a](pages/page.md#no-heading)",
        "[a](pages/page.md#same-2)",
        "[a](pages/page.md#Same)",
        "[a](#none)",
        "[a](code.py#L1)",
        "[a](pages#page)",
        "[a](/code.py)",
        "[a](../outside.md)",
        "[a](build/made.txt)",
        "`code` [a](none.md) `code`",
        "`\n\n[a](none.md)\n\n`",
        "[one](code.py) and [two](none.md)",
    ],
)
def test_a_link_that_leads_nowhere_is_named(repository: Path, link: str) -> None:
    (repository / "start.md").write_text(f"# Here\n\n{link}\n")

    [found] = faults(repository)

    assert found.startswith("start.md: ")
