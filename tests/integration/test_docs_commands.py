"""The pages' commands, as a reader copies them: from top to bottom, in one shell, beside a running `make run`.

README.md comes first. A command that fails, as curl does here when the API refuses, ends the run. What is shown below
a command is what it prints, but for times, new ids and new keys.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from tests.integration.test_make_run import running

PAGES = [ROOT / "README.md", *sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "README.md"})]

#: What can't run here: a page, how a block of it begins (without that, all of the page's), and why.
NOT_RUN = [
    ("README.md", "make run", "installs, runs this test among others, and does not end"),
    ("docs/adding-a-route.md", "", "is about a route that is not there"),
    ("docs/deploy.md", "", "needs an AWS account"),
    ("docs/events.md", "", "shows events, which no command prints"),
    ("docs/in-front.md", "", "needs an AWS account"),
    ("docs/operate.md", "fields @timestamp", "is a query for CloudWatch"),
    ("docs/operate.md", "STAGE=prod", "needs an AWS account"),
    ("docs/operate.md", ".venv/bin/python - ", "needs an AWS account"),
    ("docs/operate.md", "aws ", "needs an AWS account"),
    ("docs/operate.md", "QUEUE=", "needs an AWS account"),
    ("docs/operate.md", "VISITOR=", "needs an AWS account"),
    ("docs/privacy.md", "", "needs an AWS account"),
]


@dataclass(frozen=True)
class Block:
    """A block of a page: commands if its language is `sh`, otherwise what the commands above it print."""

    page: str
    language: str
    text: str

    def is_run(self) -> bool:
        """Tell whether it is none of those that can't run here."""
        return not any(self.page == page and self.text.startswith(beginning) for page, beginning, _ in NOT_RUN)


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, also those in lists, in their order; drawings are none of them."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", page.read_text(), re.MULTILINE | re.DOTALL)
    name = str(page.relative_to(ROOT))
    return [
        Block(name, language, re.sub(f"(?m)^{indent}", "", text))
        for indent, language, text in found
        if language != "mermaid"
    ]


BLOCKS = [block for page in PAGES for block in blocks(page)]


def as_shown(printed: str) -> str:
    """Replace what is another one each time. The ids and keys of the demo data are none of that."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", printed)
    text = re.sub(r"\b01(?!JDEM0)[0-9A-HJKMNP-TV-Z]{24}\b", "<id>", text)
    text = re.sub(r"\b([sp]k_(live|test))_(?!0123456789abcdef)[0-9a-f.]+", r"\1_<key>", text)
    return re.sub(r"(?m)^( *lastFour +)\S+$", r"\1<4>", text).strip()


def cut(printed: Any, shown: Any) -> Any:
    """Leave out of an answer what the page leaves out, as it says by `"...": "..."`."""
    if isinstance(printed, dict) and isinstance(shown, dict):
        kept = {name: cut(value, shown.get(name)) for name, value in printed.items()}
        if "..." in shown:
            kept = {name: kept.get(name, "...") for name in shown}
        return kept
    if isinstance(printed, list) and isinstance(shown, list) and len(printed) == len(shown):
        return [cut(one, other) for one, other in zip(printed, shown, strict=True)]
    return printed


def test_every_command_that_can_run_here_works_and_prints_what_the_page_shows(tmp_path: Path) -> None:
    here = [block for block in BLOCKS if block.is_run()]
    commands = [block for block in here if block.language == "sh"]
    assert {block.page for block in commands} >= {"README.md", "docs/operate.md"}
    (tmp_path / ".curlrc").write_text("fail-with-body\nnoproxy = *\n")

    with running(tmp_path) as api:
        script = "".join(f"{block.text}\nprintf '\\0'\n" for block in commands)
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("localhost:3000", f"127.0.0.1:{api.port}")],
            cwd=ROOT,
            # Not the developer's own STAGE, which names a deployed one.
            env={name: value for name, value in os.environ.items() if name != "STAGE"}
            | {
                "DYNAMODB_PORT": str(api.dynamodb_port),
                "CURL_HOME": str(tmp_path),
                "PATH": os.pathsep.join([os.environ["PATH"], str(ROOT / "tests" / "stand_ins")]),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    *printed, rest = result.stdout.split("\0")
    assert result.returncode == 0, f"{commands[len(printed)].text}\n{rest}\n{result.stderr}"
    responses = dict(zip(commands, printed, strict=True))
    for above, block in pairwise(here):
        if block.language not in {"", "json"} or above not in responses or above.page != block.page:
            # It is a command itself, a sample of code, or a frame, which no command prints.
            continue
        came, shown = as_shown(responses[above]), as_shown(block.text)
        if block.language == "json":
            assert cut(json.loads(came), json.loads(shown)) == json.loads(shown)
        else:
            assert came == shown


@pytest.mark.parametrize(("page", "beginning", "why"), NOT_RUN)
def test_what_can_not_run_here_is_there(page: str, beginning: str, why: str) -> None:
    assert any(block.page == page and block.text.startswith(beginning) for block in BLOCKS), why


# Those that can't run here, too ---------------------------------------------------------------------------------------


def commands_of(page: Path) -> str:
    return "".join(block.text for block in blocks(page) if block.language == "sh")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_a_whole_one(page: Path) -> None:
    result = subprocess.run(
        ["bash", "-n", "-c", commands_of(page)], capture_output=True, text=True, check=False, timeout=60
    )

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_is_set_above_its_use(page: Path) -> None:
    # The profile and the region are everybody's own.
    known = {"AWS_PROFILE", "AWS_DEFAULT_REGION"}
    for line in commands_of(page).splitlines():
        assert known.issuperset(re.findall(r"\$\{?([A-Z_]+)", line)), line
        known.update(re.findall(r"(?:^| )([A-Z_]+)=", line))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_is_there(page: Path) -> None:
    text = page.read_text()
    code = [*re.findall(r"`[^`]+`", re.sub("```.*?```", "", text, flags=re.DOTALL)), *commands_of(page).splitlines()]
    named = {target for each in code for target in re.findall(r"\bmake\s+([a-z-]+)", each)}

    assert named <= set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
