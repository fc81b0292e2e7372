"""A browser without a window, and the page of `make run` in it."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

from tests.integration.test_make_run import Api

_SECONDS = 20
expect.set_options(timeout=_SECONDS * 1000)


@contextmanager
def a_browser() -> Iterator[Any]:
    """Give the browser that `make test-browser` has found."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
        yield browser
        browser.close()


class Held:
    """Requests of a page that reach the server once they are let go."""

    def __init__(self) -> None:
        self.routes: list[Any] = []
        self.is_over = False

    def take(self, route: Any) -> None:
        if self.is_over:
            route.continue_()
        else:
            self.routes.append(route)

    def let_go(self) -> None:
        self.is_over = True
        for route in self.routes:
            route.continue_()


class Page:
    """The page in one tab: what a person does there, and where they look.

    `errors` is what the browser's console has told of it, `hosts` is what it has asked for anything, `asked` the URLs
    of its requests, `frames` how many frames of each type its sockets have brought.
    """

    def __init__(self, context: Any, api: Api) -> None:
        self.tab = context.new_page()
        self.url = f"http://localhost:{api.port}/"
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.asked: list[str] = []
        self.frames: Counter[str] = Counter()
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", self._ask)
        # Or the first one that a test expects may not be caught: Playwright does not wait until it is told of them.
        self.tab.on("filechooser", lambda _chooser: None)
        self.tab.on("websocket", lambda socket: socket.on("framereceived", self._receive))
        self.visitor = self.tab.locator("#visitor")
        self.inbox = self.tab.locator("#inbox")

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _ask(self, request: Any) -> None:
        # What has no host is in the page: `blob:` is a file that somebody has picked.
        if host := urlsplit(request.url).netloc:
            self.hosts.add(host)
        self.asked.append(request.url)

    def _receive(self, frame: str) -> None:
        if frame != "pong":
            self.frames[json.loads(frame).get("type")] += 1

    def open(self) -> "Page":
        self.tab.goto(self.url)
        return self

    def listen(self, sockets: int = 2) -> "Page":
        """Wait until that many sockets were established: each side has one."""
        self.wait(lambda: self.frames["CONNECTION_ESTABLISHED"] >= sockets)
        return self

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so, while the browser goes on."""
        give_up = time.monotonic() + _SECONDS
        while not is_so():
            assert time.monotonic() < give_up
            self.tab.wait_for_timeout(50)

    def type_until(self, label: str, is_so: Callable[[], bool]) -> None:
        """Press one key after the other in a field until something is so."""
        field = self.tab.get_by_label(label)

        def press() -> bool:
            field.press_sequentially("x")
            return is_so()

        self.wait(press)

    def hold(self, url: re.Pattern[str]) -> "Held":
        """Hold what the page asks for at some URLs, until it is let go."""
        held = Held()
        self.tab.route(url, held.take)
        return held

    # The visitor

    def write(self, text: str) -> None:
        field = self.tab.get_by_label("Your message")
        field.fill(text)
        field.press("Enter")

    def see(self, *texts: str) -> None:
        """Wait until the visitor's timeline holds these messages and no other, all of them sent."""
        expect(self.visitor.locator(".message .text")).to_have_text(list(texts))
        expect(self.visitor.locator(".unsent")).to_have_count(0)

    def introduce(self, name: str, email: str) -> None:
        """Say who the visitor is."""
        self.tab.get_by_label("Your name").fill(name)
        self.tab.get_by_label("Your e-mail address").fill(email)
        self.visitor.get_by_role("button", name="Save").click()

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
