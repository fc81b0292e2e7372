"""A browser without a window, and the page of `make run` in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

from tests.integration.test_make_run import Api

expect.set_options(timeout=20_000)


@contextmanager
def a_browser() -> Iterator[Any]:
    """Give the browser that `make test-browser` has found."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
        yield browser
        browser.close()


class Page:
    """The page in one tab: what a person does there, and where they look.

    `errors` is what the browser's console has told of it, `hosts` is what it has asked for anything.
    """

    def __init__(self, context: Any, api: Api) -> None:
        self.tab = context.new_page()
        self.url = f"http://localhost:{api.port}/"
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.visitor = self.tab.locator("#visitor")
        self.inbox = self.tab.locator("#inbox")

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self) -> "Page":
        self.tab.goto(self.url)
        return self

    # The visitor

    def write(self, text: str) -> None:
        field = self.tab.get_by_label("Your message")
        field.fill(text)
        field.press("Enter")

    def see(self, *texts: str) -> None:
        """Wait until the visitor's timeline holds these messages and no other, all of them sent."""
        expect(self.visitor.locator(".message .text")).to_have_text(list(texts))
        expect(self.visitor.locator(".unsent")).to_have_count(0)

    def back(self) -> None:
        self.visitor.get_by_role("button", name="All conversations").click()

    # The team

    def choose(self, text: str) -> None:
        """Open the conversation in the inbox whose last message is this one."""
        self.inbox.locator(".conversations").get_by_role("button", name=text).click()

    def answer(self, text: str, visibility: str = "Answer") -> None:
        self.inbox.get_by_text(visibility, exact=True).click()
        field = self.tab.get_by_label("Your answer or note")
        field.fill(text)
        field.press("Enter")
        expect(self.inbox.locator(".message:not(.unsent) .text", has_text=text)).to_be_visible()

    def press(self, name: str) -> None:
        """Press one of the buttons that change a conversation's status."""
        self.inbox.locator(".chat .actions").get_by_role("button", name=name, exact=True).click()
