"""The page of `make run` in a real browser: the widget's whole loop, as a visitor and the team see it.

`make test-browser` runs this; by its name pytest leaves it out otherwise, for it needs a browser.
"""

import base64
import os
import re
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, expect

from local import ROOT, seed
from tests.browser.browsing import Page, a_browser
from tests.integration.test_docs_commands import commands_of
from tests.integration.test_make_run import Api, running

Visit = Callable[..., Page]

#: How many messages were written, so that each is one of its own in the inbox, which all tests share.
_written = count(1)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running(tmp_path_factory.mktemp("data")) as api:
        yield api


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser: Any, api: Api) -> Iterator[Visit]:
    """Open the page, as a new visitor or in another tab of the one of `beside`.

    `refused` are the statuses of failed calls that the test provokes: browsers write them to the console.
    """
    pages: list[Page] = []
    expected: set[str] = set()

    def visit(
        beside: Page | None = None, *, refused: tuple[str, ...] = (), is_open: bool = True, **context: Any
    ) -> Page:
        expected.update(refused)
        page = Page(beside.tab.context if beside else browser.new_context(**context), api)
        pages.append(page)
        return page.open() if is_open else page

    yield visit
    for page in pages:
        page.tab.close()
    told = [error for page in pages for error in page.errors]
    assert [error for error in told if not any(each in error for each in expected)] == []
    own = {f"localhost:{api.port}", f"127.0.0.1:{api.port}"}
    hosts = {host for page in pages for host in page.hosts}
    assert own <= hosts <= {*own, bucket_of(api)}


@pytest.fixture
def hello() -> str:
    return f"Hello {next(_written)}!"


def bucket_of(api: Api) -> str:
    """Return the host and port of the bucket, which the greeting names."""
    found = re.search(r"files +http://(\S+)", "".join(api.output))
    assert found
    return found[1]


def calls(url_end: str) -> re.Pattern[str]:
    return re.compile(rf"/v1/{url_end}$")


# The loop -------------------------------------------------------------------------------------------------------------


def test_the_first_message_opens_a_conversation_and_the_next_goes_on_with_it(visit: Visit, hello: str) -> None:
    page = visit()

    expect(page.visitor.get_by_role("heading", name=seed.WEBSITE_A.name)).to_be_visible()
    page.write(hello)
    page.see(hello)
    page.write("Where is my order?")
    page.see(hello, "Where is my order?")

    page.back()
    expect(page.visitor.locator(".conversations li")).to_have_count(1)


def test_the_same_words_twice_are_two_messages(visit: Visit, hello: str) -> None:
    page = visit()

    page.write(hello)
    page.write(hello)

    page.see(hello, hello)


def test_a_reload_shows_the_same_timeline_and_the_same_list(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.write("Where is my order?")
    page.see(hello, "Where is my order?")

    page.tab.reload()

    page.see(hello, "Where is my order?")
    page.back()
    expect(page.visitor.locator(".conversations .text")).to_have_text(["Where is my order?"])


def test_an_answer_shows_a_badge_until_the_visitor_has_seen_it(visit: Visit, hello: str) -> None:
    page = visit()
    badge = page.visitor.get_by_role("status")
    title = page.tab.title()
    page.write(hello)
    page.see(hello)
    page.back()
    expect(badge).to_be_hidden()

    page.choose(hello)
    page.answer("It comes tomorrow.")

    expect(badge).to_have_text("1 new")
    assert page.tab.title() == f"(1) {title}"
    page.visitor.get_by_role("button", name="It comes tomorrow.").click()
    page.see(hello, "It comes tomorrow.")
    expect(badge).to_be_hidden()
    expect(page.inbox.get_by_text("Seen", exact=True)).to_be_visible()
    page.tab.reload()
    page.see(hello, "It comes tomorrow.")
    expect(badge).to_be_hidden()
    assert page.tab.title() == title


def test_a_private_note_is_the_team_s_alone(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.choose(hello)

    page.answer("A good customer.", "Private note")
    page.answer("Hello to you!")

    page.see(hello, "Hello to you!")
    expect(page.inbox.locator(".private .text")).to_have_text(["A good customer."])


def test_a_message_of_nobody_is_shown_as_neither_side_s_and_waits_for_an_answer(
    visit: Visit, api: Api, hello: str
) -> None:
    page = visit()
    expect(page.visitor.locator(".welcome")).to_be_visible()
    visitor_id = page.tab.evaluate("localStorage.getItem('visitor')")
    body = {"visitorId": visitor_id, "defaultTimelineItems": [{"text": hello}]}
    assert api.post("/v1/conversations", body, Authorization=f"Bearer {seed.PRIVATE_KEY}")[0] == 200

    page.back()
    page.visitor.get_by_role("button", name=hello).click()
    expect(page.inbox.get_by_role("button", name=hello)).to_have_class("unread")
    page.choose(hello)

    for side in (page.visitor, page.inbox):
        expect(side.locator(".message.nobodys .author")).to_contain_text("No author")
        expect(side.locator(".message:is(.mine, .theirs)")).to_have_count(0)
    answer = f"To {hello}: it comes tomorrow."  # in no other test's conversation
    page.answer(answer)
    expect(page.inbox.locator(".message.mine .text")).to_have_text(answer)
    expect(page.inbox.locator(".conversations").get_by_role("button", name=answer)).not_to_have_class("unread")


def write_while_it_is_closed(page: Page, hello: str) -> None:
    """Let the visitor write in a conversation that the team closes before the message arrives."""
    page.write(hello)
    page.see(hello)
    page.choose(hello)
    page.tab.route(calls("messages"), lambda route: route.abort())
    page.write("One more thing")
    page.press("Resolve")
    expect(page.visitor.get_by_text("This conversation was resolved.")).to_be_visible()
    page.tab.unroute(calls("messages"))
    expect(page.visitor.locator(".refused .state")).to_contain_text("Not sent. This conversation is closed.")


def test_a_message_to_a_closed_conversation_is_told_so_and_goes_through_once_it_is_reopened(
    visit: Visit, hello: str
) -> None:
    page = visit(refused=("409", "ERR_FAILED"))
    write_while_it_is_closed(page, hello)

    page.inbox.locator(".statuses").get_by_text("Resolved").click()
    page.press("Reopen")
    page.visitor.get_by_role("button", name="Try again").click()

    page.see(hello, "One more thing")


def test_what_a_closed_conversation_refuses_can_open_a_new_one(visit: Visit, hello: str) -> None:
    page = visit(refused=("409", "ERR_FAILED"))
    write_while_it_is_closed(page, hello)

    page.visitor.get_by_role("button", name="Send in a new conversation").click()

    page.see("One more thing")
    page.back()
    expect(page.visitor.locator(".conversations .text")).to_have_text(["One more thing", hello])


def test_a_closed_conversation_offers_a_new_one_to_which_the_draft_goes(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.choose(hello)
    page.tab.get_by_label("Your message").fill("Half writ")
    attach(page.visitor, an_image())
    page.press("Resolve")

    expect(page.visitor.locator(".composer")).to_be_hidden()
    page.visitor.get_by_role("button", name="Start a new conversation").click()

    expect(page.tab.get_by_label("Your message")).to_have_value("Half writ")
    attached(page.visitor, "screenshot.png")
    page.write("One more thing")
    page.see("One more thing")
    see_images(page.visitor, "screenshot.png")
    page.back()
    page.visitor.get_by_role("button", name=hello).click()
    page.press("Reopen")
    expect(page.tab.get_by_label("Your message")).to_have_value("")


def test_a_resolved_conversation_can_be_rated(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.choose(hello)
    page.press("Resolve")

    page.visitor.get_by_role("button", name="4 of 5").click()

    expect(page.visitor.get_by_text("You rated 4 of 5. Thank you!")).to_be_visible()
    expect(page.inbox.get_by_text("The visitor rated 4 of 5.")).to_be_visible()


def test_spam_leaves_the_inbox_and_comes_back_and_the_events_say_so(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.choose(hello)
    listed = page.inbox.locator(".conversations").get_by_role("button", name=hello)

    page.press("Spam")
    expect(listed).to_be_hidden()
    page.inbox.locator(".statuses").get_by_text("Spam").click()
    expect(listed).to_be_visible()
    page.press("Not spam")
    expect(listed).to_be_hidden()
    page.press("Resolve")
    page.press("Spam")
    expect(page.inbox.locator(".event")).to_contain_text(
        [
            "Jane marked this as spam.",
            "Jane marked this as not spam.",
            "Jane resolved this.",
            "marked this as spam.",
        ]
    )


def test_a_note_is_marked_in_the_list_and_leaves_the_visitor_waiting(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.choose(hello)
    note = f"About {hello}"

    page.inbox.get_by_text("Private note", exact=True).click()
    expect(page.inbox.get_by_role("button", name="Save note")).to_be_visible()
    page.answer(note, "Private note")

    row = page.inbox.locator(".conversations").get_by_role("button", name=note)
    for _ in range(2):
        expect(row).to_have_class("unread")
        expect(row.locator(".text")).to_have_text(f"Note{note}")
        page.tab.reload()
    row.click()
    page.answer(f"To {hello}")
    page.answer(f"Again: {note}", "Private note")
    expect(row).not_to_have_class("unread")
    page.tab.reload()
    expect(row).to_be_visible()
    expect(row).not_to_have_class("unread")


# Who writes -----------------------------------------------------------------------------------------------------------


def test_after_the_first_message_a_visitor_can_say_who_they_are_and_the_team_sees_it_as_a_claim(
    visit: Visit, hello: str
) -> None:
    page = visit(locale="pt-PT").listen()
    form, who = page.visitor.locator(".introduction"), page.inbox.locator(".who")
    expect(page.visitor.locator(".welcome")).to_be_visible()
    expect(form).to_be_hidden()
    page.write(hello)
    page.choose(hello)
    expect(page.inbox.locator(".chat h2")).to_contain_text("Visitor")
    expect(who.locator("dl > div")).to_contain_text(["Page", "Languagept-PT", "Last seen"])

    page.introduce("Rui Costa", "rui@example.org")

    expect(form).to_be_hidden()
    expect(page.visitor.get_by_text("The team sees now who you are.")).to_be_visible()
    expect(page.inbox.locator(".chat h2")).to_have_text("Rui Costa")
    expect(who.locator("div", has_text="rui@example.org")).to_have_text("E-mailrui@example.orgclaimed")
    expect(page.inbox.locator(".conversations").get_by_role("button", name=hello)).to_contain_text("Rui Costa")
    page.tab.reload()
    page.see(hello)
    expect(form).to_be_hidden()
    page.choose(hello)
    expect(who.locator("dl > div")).to_have_count(5)


def test_a_team_member_sees_which_fields_are_proven(visit: Visit) -> None:
    page = visit()

    page.choose("The carrier lost it.")

    expect(page.inbox.locator(".who .verified")).to_have_count(3)
    expect(page.inbox.locator(".who .claimed")).to_have_count(0)
    link = page.inbox.locator(".who a")
    expect(link).to_have_text("Your orders")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_a_visitor_of_whom_nothing_is_known_is_shown_as_one(visit: Visit, api: Api, hello: str) -> None:
    page = visit()
    visitor = "01JDEM0V1S1T0R0000000000ZZ"
    body = {"visitorId": visitor, "defaultTimelineItems": [{"text": hello, "visitorId": visitor}]}
    assert api.post("/v1/conversations", body, Authorization=f"Bearer {seed.PRIVATE_KEY}")[0] == 200

    page.choose(hello)

    expect(page.inbox.locator(".chat h2")).to_have_text("Visitor 00ZZ")
    expect(page.inbox.locator(".who dl > div")).to_have_count(0)
    # What is read of a visitor comes before it.
    page.wait(lambda: any(url.endswith("/seen") for url in page.asked))


def test_a_visitor_who_does_not_say_who_they_are_is_not_asked_again(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)

    page.visitor.get_by_role("button", name="Not now").click()

    expect(page.visitor.locator(".introduction")).to_be_hidden()
    page.tab.reload()
    page.see(hello)
    expect(page.visitor.locator(".introduction")).to_be_hidden()


def test_who_somebody_is_gets_through_once_the_network_is_back(visit: Visit, hello: str) -> None:
    page = visit(refused=("ERR_FAILED",))
    page.write(hello)
    page.choose(hello)
    page.tab.route(calls("contacts/identify"), lambda route: route.abort())

    page.introduce("Ana", "ana@example.org")
    expect(page.visitor.get_by_role("alert")).to_have_text("There is no connection to the server. Trying again …")
    expect(page.visitor.locator(".introduced")).to_be_hidden()
    page.tab.unroute(calls("contacts/identify"))

    expect(page.visitor.locator(".introduced")).to_be_visible()
    expect(page.visitor.get_by_role("alert")).to_be_hidden()
    expect(page.inbox.locator(".chat h2")).to_have_text("Ana")


def test_a_blocked_visitor_is_told_so_and_what_they_wrote_goes_through_once_they_are_unblocked(
    visit: Visit, hello: str
) -> None:
    page = visit(refused=("409",))
    page.write(hello)
    page.see(hello)
    page.choose(hello)

    page.inbox.get_by_role("button", name="Block visitor", exact=True).click()
    unblock = page.inbox.get_by_role("button", name="Unblock visitor")
    expect(unblock).to_be_visible()
    expect(page.inbox.locator(".conversations .status", has_text="Blocked")).to_be_visible()
    page.write("One more thing")
    refused = page.visitor.locator(".refused .state")
    expect(refused).to_have_text("Not sent. This conversation can't be continued here. Please contact us another way.")
    page.introduce("Ana", "ana@example.org")
    expect(page.visitor.locator(".refusal")).to_contain_text("This conversation can't be continued here.")
    expect(page.tab.get_by_label("Your e-mail address")).to_have_value("ana@example.org")
    page.tab.get_by_label("Your message").fill("Half writ")
    page.tab.reload()
    expect(refused).to_be_visible()
    expect(page.tab.get_by_label("Your message")).to_have_value("Half writ")
    page.choose(hello)
    unblock.click()
    expect(unblock).to_be_hidden()
    page.visitor.get_by_role("button", name="Try again").click()

    page.see(hello, "One more thing")


# What happens, at once ------------------------------------------------------------------------------------------------


def an_answer(api: Api, conversation: str, text: str) -> None:
    """Let the team answer from elsewhere."""
    body = {"conversationId": conversation, "item": {"text": text}}
    headers = {"Authorization": f"Bearer {seed.PRIVATE_KEY}", "X-Actor-User-Id": "jane"}
    assert api.post("/v1/messages", body, **headers)[0] == 200


def conversation_of(page: Page) -> str:
    return str(page.tab.evaluate("sessionStorage.getItem('chat')"))


def test_an_answer_comes_by_itself_and_nothing_is_asked_for(visit: Visit, api: Api, hello: str) -> None:
    page = visit().listen()
    page.write(hello)
    page.choose(hello)
    expect(page.inbox.locator(".message .text")).to_have_text([hello])
    expect(page.visitor.locator(".message.mine .state")).to_have_text("Seen")
    asked = len(page.asked)

    an_answer(api, conversation_of(page), "It comes tomorrow.")

    page.see(hello, "It comes tomorrow.")
    expect(page.inbox.locator(".message .text")).to_have_text([hello, "It comes tomorrow."])
    expect(page.inbox.get_by_text("Seen", exact=True)).to_be_visible()
    assert [url for url in page.asked[asked:] if not url.endswith("/seen")] == []


def test_a_second_tab_follows(visit: Visit, hello: str) -> None:
    first = visit().listen()
    second = visit(beside=first).listen()
    expect(second.visitor.locator(".welcome")).to_be_visible()
    first.write(hello)
    first.see(hello)

    second.back()
    second.visitor.get_by_role("button", name=hello).click()
    second.see(hello)
    first.write("And one more thing")

    second.see(hello, "And one more thing")


def test_who_types_is_shown_to_the_other_side_until_the_message_comes(visit: Visit, hello: str) -> None:
    page = visit().listen()
    page.write(hello)
    page.choose(hello)

    page.type_until("Your answer or note", page.visitor.get_by_text("Jane is typing …").is_visible)
    expect(page.inbox.locator(".typing")).to_be_hidden()
    page.answer("It comes tomorrow.")
    expect(page.visitor.locator(".typing")).to_be_hidden()

    page.type_until("Your message", page.inbox.get_by_text("Visitor is typing …").is_visible)
    expect(page.visitor.locator(".typing")).to_be_hidden()
    page.write("Great!")
    expect(page.inbox.locator(".typing")).to_be_hidden()


def test_who_types_a_private_note_is_shown_to_nobody(visit: Visit, api: Api, hello: str) -> None:
    page = visit().listen()
    page.write(hello)
    page.choose(hello)

    page.answer("A good customer.", "Private note")
    an_answer(api, conversation_of(page), "It comes tomorrow.")

    page.see(hello, "It comes tomorrow.")
    assert page.frames["conversationTyping"] == 0


def test_what_came_while_the_socket_was_lost_is_there_once_it_is_back(visit: Visit, api: Api, hello: str) -> None:
    page = visit(is_open=False, refused=("ERR_FAILED",))
    sockets: list[Any] = []

    def pass_on(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.tab.route_web_socket(re.compile("/ws"), pass_on)
    page.open()
    page.write(hello)
    page.see(hello)
    # Nothing that is asked for comes, until the sockets are back.
    page.tab.route(re.compile("/v1/conversations"), lambda route: route.abort())
    page.wait(lambda: len(sockets) == 2)
    for socket in sockets:
        socket.close()
    an_answer(api, conversation_of(page), "It comes tomorrow.")
    page.tab.unroute(re.compile("/v1/conversations"))

    page.see(hello, "It comes tomorrow.")


def test_without_a_socket_the_page_asks_for_what_is_new_and_says_nothing_of_it(
    visit: Visit, api: Api, hello: str
) -> None:
    page = visit(is_open=False)
    page.tab.route_web_socket(re.compile("/ws"), lambda socket: socket.close())
    page.open()
    page.write(hello)
    page.see(hello)
    page.wait(lambda: any("/timeline?limit=100&after=" in url for url in page.asked))

    an_answer(api, conversation_of(page), "It comes tomorrow.")

    page.see(hello, "It comes tomorrow.")
    expect(page.visitor.get_by_role("alert")).to_be_hidden()


# What goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["conversations", "messages"])
def test_a_message_whose_answer_was_lost_is_there_once(visit: Visit, hello: str, path: str) -> None:
    page = visit(refused=("ERR_FAILED",))
    before = [] if path == "conversations" else ["Good morning"]
    for text in before:
        page.write(text)
        page.see(text)
    reached: list[int] = []

    def cut(route: Any) -> None:
        if route.request.method != "POST" or len(reached) == 2:
            route.continue_()
            return
        reached.append(route.fetch().status)
        route.abort()

    page.tab.route(calls(path), cut)
    with page.tab.expect_response(lambda answer: answer.headers.get("idempotent-replayed") == "true"):
        page.write(hello)

    page.see(*before, hello)
    assert reached == [200, 200]
    page.choose(hello)
    expect(page.inbox.locator(".message .text")).to_have_text([*before, hello])


def test_a_busy_server_is_asked_again_after_the_time_that_it_names(visit: Visit, hello: str) -> None:
    page = visit(refused=("503",))
    body = '{"message": "Too busy just now.", "code": "UNAVAILABLE"}'
    cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "retry-after"}
    sent: list[float] = []

    def be_busy_once(route: Any) -> None:
        sent.append(time.monotonic())
        if len(sent) == 1:
            route.fulfill(status=503, body=body, headers={"Retry-After": "3", **cors})
        else:
            route.continue_()

    page.tab.route(calls("conversations"), be_busy_once)
    page.write(hello)

    expect(page.visitor.locator(".unsent .state")).to_have_text("Too busy just now.")
    page.see(hello)
    first, second = sent
    assert second - first >= 3


def test_what_was_not_sent_goes_on_after_a_reload(visit: Visit, hello: str) -> None:
    page = visit(refused=("ERR_FAILED",))
    page.see()
    page.tab.route(calls("conversations"), lambda route: route.abort())
    page.write(hello)
    expect(page.visitor.locator(".unsent")).to_have_count(1)

    page.tab.unroute(calls("conversations"))
    page.tab.reload()

    page.see(hello)


def test_an_outage_is_told_and_over_once_it_is(visit: Visit, hello: str) -> None:
    page = visit(refused=("ERR_INTERNET_DISCONNECTED",))
    page.write(hello)
    page.see(hello)

    page.tab.context.set_offline(True)
    expect(page.visitor.get_by_role("alert")).to_have_text("There is no connection to the server. Trying again …")
    page.write("Are you there?")
    page.tab.context.set_offline(False)

    expect(page.visitor.get_by_role("alert")).to_be_hidden()
    page.see(hello, "Are you there?")


def test_an_origin_that_is_not_allowed_is_told_in_words(visit: Visit) -> None:
    page = visit(is_open=False, refused=("403",))

    def with_a_live_key(route: Any) -> None:
        # Live keys never accept localhost.
        keys = {"x-public-key": seed.LIVE_PUBLIC_KEY} if "x-public-key" in route.request.headers else {}
        route.continue_(headers={**route.request.headers, **keys})

    page.tab.route(calls("websites"), with_a_live_key)
    page.open()

    expect(page.visitor.get_by_role("alert")).to_contain_text("This origin is not among the website's allowed origins")


def test_a_click_that_fails_says_why(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.choose(hello)
    page.tab.evaluate("() => { window.Request = undefined }")

    page.press("Resolve")

    expect(page.inbox.locator(".refusal")).to_contain_text("Something went wrong on this page: ")


def test_a_text_over_the_limit_is_told_so_and_can_be_discarded(visit: Visit) -> None:
    page = visit(refused=("413",))
    expect(page.visitor.locator(".welcome")).to_be_visible()

    # More than the browser stores, and less than Lambda takes. Playwright's own click takes long over as many lines.
    page.tab.get_by_label("Your message").evaluate("""field => {
        field.value = 'A line of many\\n'.repeat(3.6e5);
        field.form.querySelector('[type=submit]').click();
    }""")

    expect(page.visitor.locator(".refused .state")).to_contain_text("Not sent. The body has more than")
    page.visitor.get_by_role("button", name="Discard").click()
    expect(page.visitor.locator(".message")).to_have_count(0)


def test_a_browser_that_stores_nothing_is_told_so_and_enough_to_chat(visit: Visit, hello: str) -> None:
    page = visit(is_open=False)
    page.tab.add_init_script("""
        for (const area of ["localStorage", "sessionStorage"]) {
            Object.defineProperty(window, area, { get() { throw new DOMException("", "SecurityError") } });
        }
    """)
    page.open()

    question = f"{hello} Where is my order?"
    page.write(hello)
    page.see(hello)
    page.write(question)
    page.see(hello, question)
    expect(page.visitor.get_by_text("This browser stores nothing for this page")).to_be_visible()
    page.choose(question)
    page.answer("It comes tomorrow.")
    page.see(hello, question, "It comes tomorrow.")


def test_what_is_broken_in_the_storage_is_dropped(visit: Visit, hello: str) -> None:
    page = visit(is_open=False)
    page.tab.add_init_script("""
        if (!sessionStorage.opened) {
            localStorage.setItem("visitor", "nobody");
            localStorage.setItem("outbox/visitor/1", "{");
            localStorage.setItem("outbox/team/1", "null");
            sessionStorage.setItem("draft/visitor/new", "{");
            sessionStorage.setItem("opened", "yes");
        }
    """)
    page.open()

    page.write(hello)

    page.see(hello)
    page.tab.reload()
    page.see(hello)
    assert page.tab.evaluate("Object.keys(localStorage)") == ["visitor"]


def test_an_older_browser_is_enough(visit: Visit, hello: str) -> None:
    page = visit(is_open=False)
    page.tab.add_init_script("""
        delete AbortSignal.timeout;
        delete Element.prototype.checkVisibility;
        delete Crypto.prototype.randomUUID;
        delete Array.prototype.findLast;
        delete Array.prototype.at;
        delete HTMLFormElement.prototype.requestSubmit;
        CSS.supports = () => false;
    """)
    page.open()

    page.write(hello)
    page.choose(hello)
    page.answer("It comes tomorrow.")

    page.see(hello, "It comes tomorrow.")
    expect(page.inbox.get_by_text("Seen", exact=True)).to_be_visible()


# What is gone, and what is long ---------------------------------------------------------------------------------------


def erase(page: Page) -> None:
    """Let the team erase the visitor's conversation from elsewhere."""
    headers = {"Authorization": f"Bearer {seed.PRIVATE_KEY}"}
    answer = page.tab.request.delete(f"{page.url}v1/conversations/{conversation_of(page)}", headers=headers)
    assert answer.status == 202


def confirm(page: Page, button: str, *, yes: bool = True) -> None:
    """Press a button of the inbox, and say yes or no to what it asks: after a no nothing is called."""
    methods: list[str] = []
    page.tab.on("request", lambda request: methods.append(request.method))
    page.tab.once("dialog", lambda dialog: dialog.accept() if yes else dialog.dismiss())
    page.inbox.get_by_role("button", name=button).last.click()
    page.tab.evaluate("null")
    assert ("DELETE" in methods) is yes


def test_a_message_that_the_team_deletes_is_gone_from_every_page_at_once(visit: Visit, hello: str) -> None:
    page = visit().listen()
    other = visit(beside=page).listen()
    expect(other.visitor.locator(".welcome")).to_be_visible()
    card = f"{hello} My card is 4111 1111 1111 1111."
    page.write(hello)
    page.see(hello)
    page.write(card)
    page.see(hello, card)
    page.choose(card)
    other.back()
    for side in (other.visitor, other.inbox):
        side.get_by_role("button", name=card).click()
        expect(side.locator(".message .text")).to_have_text([hello, card])
    confirm(page, "Delete message", yes=False)
    asked = len(other.asked)

    confirm(page, "Delete message")

    for side in (page.visitor, page.inbox, other.visitor, other.inbox):
        expect(side.locator(".message .text")).to_have_text([hello])
    for each in (page, other):
        expect(each.inbox.locator(".conversations [aria-current] .text")).to_have_text(hello)
    assert [url for url in other.asked[asked:] if not url.endswith("/seen")] == []
    page.tab.reload()
    page.see(hello)


def test_a_conversation_that_the_team_deletes_is_gone_for_both_sides(visit: Visit, hello: str) -> None:
    page = visit().listen()
    page.write(hello)
    page.choose(hello)
    expect(page.visitor.locator(".message.mine .state")).to_have_text("Seen")
    row = page.inbox.locator(".conversations").get_by_role("button", name=hello)

    confirm(page, "Delete conversation", yes=False)
    confirm(page, "Delete conversation")

    expect(page.inbox.get_by_text("Choose a conversation")).to_be_visible()
    expect(row).to_be_hidden()
    page.tab.reload()
    expect(page.visitor.locator(".welcome")).to_be_visible()
    expect(page.inbox.locator(".conversations li")).not_to_have_count(0)
    expect(row).to_be_hidden()
    page.back()
    expect(page.visitor.locator(".conversations li")).to_have_count(0)


GONE = "This conversation is not available or no longer exists."


def test_a_conversation_that_is_erased_while_it_is_open_says_so_and_offers_a_new_one(visit: Visit, hello: str) -> None:
    page = visit(is_open=False, refused=("404", "ERR_FAILED"))
    # Without a socket, which nothing is told of this.
    page.tab.route_web_socket(re.compile("/ws"), lambda socket: socket.close())
    page.open()
    page.write(hello)
    page.see(hello)
    page.choose(hello)

    erase(page)

    for side in (page.visitor, page.inbox):
        expect(side.locator(".ended")).to_contain_text(GONE)
        expect(side.locator(".composer")).to_be_hidden()
        expect(side.locator(".message")).to_have_count(0)
    expect(page.visitor.get_by_role("alert")).to_be_hidden()
    expect(page.inbox.locator(".conversations").get_by_role("button", name=hello)).to_be_hidden()
    page.visitor.get_by_role("button", name="Start a new conversation").click()
    page.write("Hello again")
    page.see("Hello again")
    page.back()
    expect(page.visitor.locator(".conversations .text")).to_have_text(["Hello again"])


def test_what_is_written_in_a_conversation_that_was_erased_can_open_a_new_one(visit: Visit, hello: str) -> None:
    page = visit(refused=("404",)).listen()
    page.write(hello)
    page.see(hello)
    erase(page)

    page.write("One more thing")

    expect(page.visitor.locator(".ended")).to_contain_text(GONE)
    expect(page.visitor.locator(".refused .state")).to_have_text(f"Not sent. {GONE}")
    expect(page.visitor.get_by_role("button", name="Try again")).to_be_hidden()
    page.visitor.get_by_role("button", name="Send in a new conversation").click()
    page.see("One more thing")


def a_long_conversation(page: Page, api: Api, hello: str) -> list[str]:
    """Let the visitor have a conversation of more than a page, and return its texts."""
    expect(page.visitor.locator(".welcome")).to_be_visible()
    visitor_id = page.tab.evaluate("localStorage.getItem('visitor')")
    texts = [f"{hello} {number}" for number in range(80)]
    body = {
        "visitorId": visitor_id,
        "defaultTimelineItems": [{"text": text, "visitorId": visitor_id} for text in texts],
    }
    assert api.post("/v1/conversations", body, Authorization=f"Bearer {seed.PRIVATE_KEY}")[0] == 200
    page.back()
    return texts


def test_a_message_that_is_sent_before_the_first_page_is_read_hides_no_older_ones(
    visit: Visit, api: Api, hello: str
) -> None:
    page = visit()
    texts = a_long_conversation(page, api, hello)
    held = page.hold(re.compile("/timeline"))
    page.visitor.get_by_role("button", name=texts[-1]).click()
    page.wait(lambda: len(held.routes) == 1)

    page.write("One more thing")
    page.see("One more thing")
    held.let_go()

    page.see(*texts[31:], "One more thing")
    page.visitor.get_by_role("button", name="Earlier messages").click()
    page.see(*texts, "One more thing")


def test_earlier_messages_come_once_and_leave_the_reader_in_place(visit: Visit, api: Api, hello: str) -> None:
    page = visit()
    texts = a_long_conversation(page, api, hello)
    page.visitor.get_by_role("button", name=texts[-1]).click()
    page.see(*texts[30:])
    scrolled, first = page.visitor.locator(".end"), page.visitor.locator(".message", has_text=texts[30])
    scrolled.evaluate("element => element.scrollTo(0, -1e6)")
    place = first.bounding_box()

    page.visitor.get_by_role("button", name="Earlier messages").dblclick()

    page.see(*texts)
    now = first.bounding_box()
    assert place
    assert now
    assert abs(now["y"] - place["y"]) < 20  # the button above has gone
    an_answer(api, conversation_of(page), "It comes tomorrow.")
    page.see(*texts, "It comes tomorrow.")
    last = first.bounding_box()
    assert last
    assert abs(last["y"] - now["y"]) < 1


# What is half written -------------------------------------------------------------------------------------------------


def test_each_conversation_has_a_draft_of_its_own_on_both_sides_and_after_a_reload(visit: Visit, hello: str) -> None:
    page = visit()
    mine, ours = page.tab.get_by_label("Your message"), page.tab.get_by_label("Your answer or note")
    other = f"Another {hello}"
    page.write(hello)
    page.see(hello)
    page.back()
    page.visitor.get_by_role("button", name="New conversation").click()
    page.write(other)
    page.see(other)

    mine.fill("In the other")
    page.choose(other)
    ours.fill("To the other")
    page.inbox.get_by_text("Private note", exact=True).click()
    page.inbox.locator(".conversations button:not([aria-current])", has_text=hello).click()
    page.back()
    page.visitor.locator(".conversations").get_by_text(hello, exact=True).click()

    for field in (mine, ours):
        expect(field).to_have_value("")
    expect(page.inbox.get_by_label("Answer", exact=True)).to_be_checked()
    page.tab.reload()
    page.choose(other)
    expect(ours).to_have_value("To the other")
    expect(page.inbox.get_by_label("Private note")).to_be_checked()
    page.back()
    page.visitor.locator(".conversations").get_by_text(other, exact=True).click()
    expect(mine).to_have_value("In the other")
    mine.press("Enter")
    page.see(other, "In the other")
    page.tab.reload()
    page.see(other, "In the other")
    expect(mine).to_have_value("")


@pytest.mark.parametrize("event", [{"isComposing": True}, {"keyCode": 229}], ids=["most browsers", "Safari"])
def test_a_key_that_ends_the_composing_of_a_character_sends_nothing(visit: Visit, event: dict[str, Any]) -> None:
    page = visit()
    expect(page.visitor.locator(".welcome")).to_be_visible()
    field = page.tab.get_by_label("Your message")
    field.fill("にほんご")

    is_left_to_the_browser = field.evaluate(
        "(field, more) => field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', cancelable: true, ...more}))",
        event,
    )

    assert is_left_to_the_browser
    expect(field).to_have_value("にほんご")
    page.see()


def test_what_shows_nothing_is_no_message(visit: Visit) -> None:
    page = visit()

    page.write("\u200b\u2800\u3164")
    page.write("👍")

    page.see("👍")


# Files ----------------------------------------------------------------------------------------------------------------


def a_chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def an_image(name: str = "screenshot.png", side: int = 300) -> FilePayload:
    """Return a PNG of one colour."""
    header = side.to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress((b"\0" + b"\x30\x60\xc0" * side) * side)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(a_chunk(*each) for each in chunks)
    return {"name": name, "mimeType": "image/png", "buffer": data}


def a_pdf(name: str = "invoice.pdf") -> FilePayload:
    return {
        "name": name,
        "mimeType": "application/pdf",
        "buffer": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    }


def attach(side: Any, *files: FilePayload) -> None:
    """Choose files by the button with the paper clip."""
    with side.page.expect_file_chooser() as chooser:
        side.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(list(files))


def give(side: Any, event: str, *files: FilePayload, text: str | None = None) -> None:
    """Paste files into the field of a side, or drop them there."""
    encoded = [{**file, "buffer": base64.b64encode(file["buffer"]).decode()} for file in files]
    side.locator("textarea").evaluate(
        """(field, [event, files, text]) => {
            const data = new DataTransfer();
            for (const {name, mimeType, buffer} of files) {
                const bytes = Uint8Array.from(atob(buffer), (each) => each.charCodeAt(0));
                data.items.add(new File([bytes], name, {type: mimeType}));
            }
            for (const type of text ? ["text/plain", "text/html"] : []) data.setData(type, text);
            const options = {bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data};
            const made = event === "paste" ? new ClipboardEvent(event, options) : new DragEvent(event, options);
            field.dispatchEvent(made);
        }""",
        [event, encoded, text],
    )


def see_images(side: Any, *names: str) -> None:
    """Wait until the timeline of a side shows these images, and that each has arrived."""
    images = side.locator(".timeline img")
    expect(images).to_have_count(len(names))
    for place, name in enumerate(names):
        expect(images.nth(place)).to_have_attribute("alt", name)
        expect(images.nth(place)).to_have_js_property("naturalWidth", 300)


def attached(side: Any, *names: str) -> None:
    """Wait until the message that a side writes has these files, all of them uploaded."""
    expect(side.locator(".files .ready .name")).to_have_text(list(names))
    expect(side.locator(".files li")).to_have_count(len(names))


def test_a_picture_that_is_chosen_dropped_or_pasted_is_with_the_team_at_once(visit: Visit, hello: str) -> None:
    page = visit(viewport={"width": 1280, "height": 2000}).listen()
    expect(page.visitor.locator(".welcome")).to_be_visible()

    attach(page.visitor, an_image())
    give(page.visitor, "drop", an_image("dropped.png"))
    give(page.visitor, "paste", an_image("pasted.png"))
    attached(page.visitor, "screenshot.png", "dropped.png", "pasted.png")
    expect(page.visitor.locator(".files img")).to_have_count(3)
    page.write(hello)

    page.see(hello)
    see_images(page.visitor, "screenshot.png", "dropped.png", "pasted.png")
    expect(page.visitor.locator(".files li")).to_have_count(0)
    page.choose(hello)
    see_images(page.inbox, "screenshot.png", "dropped.png", "pasted.png")
    # Files alone are a message, too.
    attach(page.visitor, an_image("second.png"))
    page.visitor.get_by_role("button", name="Send").click()
    see_images(page.inbox, "screenshot.png", "dropped.png", "pasted.png", "second.png")
    expect(page.inbox.locator(".conversations").get_by_role("button", name="Attachment")).to_be_visible()
    page.tab.reload()
    see_images(page.visitor, "screenshot.png", "dropped.png", "pasted.png", "second.png")


def test_a_document_that_the_team_answers_with_is_downloaded_by_its_name(visit: Visit, hello: str) -> None:
    page = visit().listen()
    page.write(hello)
    page.choose(hello)

    attach(page.inbox, a_pdf("Ihre Rechnung №1.pdf"))
    page.answer("Here it is.")

    link = page.visitor.get_by_role("link", name="Ihre Rechnung №1.pdf")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    with page.tab.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "Ihre Rechnung №1.pdf"
    assert download.value.path().read_bytes() == a_pdf()["buffer"]


def test_what_can_t_be_sent_is_told_so_and_the_rest_is_attached(visit: Visit) -> None:
    page = visit()
    expect(page.visitor.locator(".welcome")).to_be_visible()
    too_large = {**an_image("large.png"), "buffer": bytes(5_242_881)}
    program: FilePayload = {"name": "setup.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}

    give(page.visitor, "drop", too_large, program, *(an_image(f"{number}.png") for number in range(4)))

    attached(page.visitor, "0.png", "1.png", "2.png")
    told = page.visitor.locator(".unattached")
    for words in ("“large.png” is larger than 5 MB", "Choose an image", "“3.png” is one file too many."):
        expect(told).to_contain_text(words)


def test_a_text_that_was_copied_with_its_picture_is_pasted_as_text(visit: Visit) -> None:
    page = visit()
    expect(page.visitor.locator(".welcome")).to_be_visible()

    give(page.visitor, "paste", an_image(), text="A table")

    expect(page.visitor.locator(".files li")).to_have_count(0)


def test_a_file_that_is_not_what_its_name_says_is_told_so(visit: Visit) -> None:
    page = visit(refused=("404",))
    expect(page.visitor.locator(".welcome")).to_be_visible()

    attach(page.visitor, {**an_image(), "buffer": b"<script>alert(1)</script>"})

    expect(page.visitor.locator(".files .failed .problem")).to_contain_text("Its content is not what its name says.")


UPLOADS = re.compile(r"[?&]X-Amz-Signature=")


def test_a_message_waits_for_its_files_which_can_be_cancelled(visit: Visit, hello: str) -> None:
    look = f"{hello} Look!"
    page = visit(refused=("ERR_FAILED",)).listen()
    page.write(hello)
    page.see(hello)
    held = page.hold(UPLOADS)
    field = page.tab.get_by_label("Your message")

    attach(page.visitor, an_image("cancelled.png"))
    attach(page.visitor, an_image())
    page.write(look)
    expect(page.visitor.locator(".awaited")).to_be_visible()
    expect(page.visitor.get_by_role("progressbar", name="Upload of cancelled.png")).to_be_visible()
    page.visitor.get_by_role("button", name="Cancel cancelled.png").click()
    # What is taken away is looked at before the rest is sent.
    expect(page.visitor.locator(".awaited")).to_be_hidden()
    expect(field).to_be_editable()
    field.press("Enter")
    expect(field).not_to_be_editable()
    page.see(hello)
    # It goes on where nobody looks, and where another draft is shown.
    page.back()
    page.visitor.get_by_role("button", name="New conversation").click()
    expect(field).to_have_value("")
    held.let_go()

    page.choose(look)
    see_images(page.inbox, "screenshot.png")
    page.back()
    page.visitor.get_by_role("button", name=look).click()
    page.see(hello, look)
    expect(field).to_have_value("")


def test_what_was_attached_stays_with_its_conversation_and_after_a_refusal(visit: Visit, hello: str) -> None:
    look = f"{hello} Look!"
    page = visit(refused=("409", "ERR_FAILED")).listen()
    page.write(hello)
    page.see(hello)
    page.choose(hello)
    methods: list[str] = []
    page.tab.on("request", lambda request: methods.append(request.method))

    # The upload is refused, then the message, and then neither.
    page.tab.route(UPLOADS, lambda route: route.abort())
    attach(page.visitor, an_image())
    page.tab.get_by_label("Your message").fill(look)
    expect(page.visitor.locator(".files .problem")).to_contain_text("It was not uploaded. Try again, or remove it.")
    page.back()
    page.visitor.get_by_role("button", name=hello).click()
    page.tab.unroute(UPLOADS)
    page.visitor.get_by_role("button", name="Try again").click()
    attached(page.visitor, "screenshot.png")
    page.inbox.get_by_role("button", name="Block visitor", exact=True).click()
    unblock = page.inbox.get_by_role("button", name="Unblock visitor")
    expect(unblock).to_be_visible()
    page.tab.get_by_label("Your message").press("Enter")
    expect(page.visitor.locator(".refused .state")).to_contain_text(
        "Not sent. This conversation can't be continued here."
    )
    see_images(page.visitor, "screenshot.png")
    attach(page.visitor, a_pdf())
    expect(page.visitor.locator(".files .problem")).to_contain_text("This conversation can't be continued here.")
    unblock.click()
    expect(unblock).to_be_hidden()
    page.visitor.locator(".files").get_by_role("button", name="Try again").click()
    attached(page.visitor, "invoice.pdf")
    page.visitor.locator(".refused").get_by_role("button", name="Try again").click()

    see_images(page.inbox, "screenshot.png")
    page.see(hello, look)
    attached(page.visitor, "invoice.pdf")
    assert methods.count("PUT") == 3
    page.tab.reload()
    expect(page.visitor.locator(".unattached")).to_contain_text("Attach them again: invoice.pdf.")


def test_a_closed_conversation_s_files_go_to_a_new_one(visit: Visit, hello: str) -> None:
    look = f"{hello} Look!"
    page = visit(refused=("409", "ERR_FAILED")).listen()
    page.write(hello)
    page.see(hello)
    page.choose(hello)
    attach(page.visitor, an_image())
    attached(page.visitor, "screenshot.png")
    page.tab.route(calls("messages"), lambda route: route.abort())
    page.write(look)
    page.press("Resolve")
    expect(page.visitor.get_by_text("This conversation was resolved.")).to_be_visible()
    page.tab.unroute(calls("messages"))

    page.visitor.get_by_role("button", name="Send in a new conversation").click()

    page.see(look)
    see_images(page.visitor, "screenshot.png")
    page.choose(look)
    see_images(page.inbox, "screenshot.png")


def test_an_image_that_is_gone_or_elsewhere_is_shown_by_its_name(visit: Visit, api: Api, hello: str) -> None:
    page = visit(refused=("404",)).listen()
    page.write(hello)
    page.choose(hello)
    urls = [f"{page.url}v1/files/unknown/test/unknown/unknown", "https://example.com/elsewhere.png"]
    parts = [{"type": "image", "url": url, "mediaType": "image/png", "filename": f"{url[-7:]}.png"} for url in urls]
    body = {"conversationId": conversation_of(page), "item": {"text": "Look!", "parts": parts}}
    assert api.post("/v1/messages", body, Authorization=f"Bearer {seed.PRIVATE_KEY}")[0] == 200

    for side in (page.visitor, page.inbox):
        for url in urls:
            expect(side.get_by_role("link", name=f"{url[-7:]}.png")).to_have_attribute("href", url)
        expect(side.locator(".timeline img")).to_have_count(0)


# Who looks at it ------------------------------------------------------------------------------------------------------


def test_two_tabs_are_one_visitor(visit: Visit, hello: str) -> None:
    first = visit()
    first.write(hello)
    first.see(hello)
    second = visit(beside=first)

    second.visitor.get_by_role("button", name=hello).click()
    second.see(hello)
    second.write("From the other tab")

    first.see(hello, "From the other tab")
    second.see(hello, "From the other tab")


def test_tabs_that_a_new_visitor_opens_at_once_are_one_visitor(visit: Visit, hello: str) -> None:
    first = visit(is_open=False)
    held = first.hold(calls("websites"))
    first.open()
    first.wait(lambda: len(held.routes) == 2)
    second = visit(beside=first)
    second.write(hello)
    second.see(hello)

    held.let_go()

    first.visitor.get_by_role("button", name=hello).click()
    first.see(hello)
    second.tab.reload()
    second.see(hello)


def test_a_new_visitor_sees_nothing_of_another_s_in_any_tab(visit: Visit, hello: str) -> None:
    page = visit()
    page.write(hello)
    page.see(hello)
    other = visit(beside=page)
    expect(other.visitor.get_by_role("button", name=hello)).to_be_visible()

    page.tab.get_by_role("button", name="New visitor").click()

    expect(other.visitor.locator(".welcome")).to_be_visible()
    expect(page.visitor.locator(".welcome")).to_be_visible()
    page.see()
    page.back()
    expect(page.visitor.locator(".conversations li")).to_have_count(0)


def test_what_somebody_writes_is_text_and_no_html(visit: Visit, hello: str) -> None:
    page = visit()
    text = f"<img src=x onerror=alert(1)> <b>{hello}</b>"

    page.write(text)
    page.choose(hello)

    page.see(text)
    expect(page.inbox.locator(".message .text")).to_have_text([text])
    assert page.tab.locator("main :is(img, b)").count() == 0


def test_links_lead_elsewhere_without_a_word_of_this_page(visit: Visit, hello: str) -> None:
    page = visit()
    text = f"{hello} See https://example.com/a?b=c#d, not javascript:alert(1)."

    page.write(text)
    page.choose(hello)

    page.see(text)
    for side in (page.visitor, page.inbox):
        link = side.locator(".message a")
        expect(link).to_have_attribute("href", "https://example.com/a?b=c#d")
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(link).to_have_attribute("target", "_blank")


def test_a_keyboard_is_enough(visit: Visit, hello: str) -> None:
    page = visit()
    keyboard, focused = page.tab.keyboard, page.tab.locator(":focus")

    def tab_to(what: str) -> None:
        for _ in range(100):  # past all rows of the inbox
            keyboard.press("Tab")
            if page.tab.evaluate("(what) => document.activeElement.matches(what)", what):
                return
        pytest.fail(f"{what} has no focus")

    expect(page.visitor.locator(".welcome")).to_be_visible()
    tab_to("#visitor-text")
    keyboard.type(hello)
    keyboard.press("Enter")
    page.see(hello)
    expect(page.inbox.locator(".conversations button").first).to_contain_text(hello)
    tab_to("#inbox .conversations button")
    expect(focused).to_contain_text(hello)
    keyboard.press("Enter")
    expect(page.inbox.locator(".chat h2")).to_be_visible()
    expect(focused).to_contain_text(hello)
    tab_to("#inbox-text")
    keyboard.type("A line")
    keyboard.press("Shift+Enter")
    keyboard.type("and another")
    keyboard.press("Enter")
    page.see(hello, "A line\nand another")


def test_a_phone_shows_one_side_at_a_time_and_the_badge_beside_the_other(visit: Visit, hello: str) -> None:
    page = visit(viewport={"width": 380, "height": 740})
    page.write(hello)
    page.see(hello)
    expect(page.inbox).to_be_hidden()

    page.tab.locator(".sides").get_by_text("Inbox").click()
    expect(page.visitor).to_be_hidden()
    page.choose(hello)
    page.answer("It comes tomorrow.")

    # What is not in sight is not seen.
    badge = page.tab.locator(".sides .badge")
    expect(badge).to_have_text("1 new")
    assert page.tab.evaluate("document.documentElement.scrollWidth") == 380
    page.tab.locator(".sides").get_by_text("Visitor").click()
    page.see(hello, "It comes tomorrow.")
    expect(badge).to_be_hidden()


# The page of docs/widget.md -------------------------------------------------------------------------------------------


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 (its name there)


@contextmanager
def a_server(folder: Path) -> Iterator[int]:
    """Serve the files of a folder, and give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_page_that_is_made_as_widget_md_says_is_a_widget(browser: Any, api: Api, hello: str) -> None:
    commands = commands_of(ROOT / "docs" / "widget.md").replace("localhost:3000", f"localhost:{api.port}")
    environment = {**os.environ, "DYNAMODB_PORT": str(api.dynamodb_port)}
    environment.pop("STAGE", None)
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, env=environment, check=True, timeout=60)

    with a_server(ROOT / "build" / "widget") as port:
        page = Page(browser.new_context(), api)
        page.url = f"http://localhost:{port}/"
        page.open()
        expect(page.visitor.get_by_role("heading", name="Shop")).to_be_visible()
        attach(page.visitor, an_image())
        page.write(hello)
        page.see(hello)
        page.tab.reload()
        page.see(hello)
        see_images(page.visitor, "screenshot.png")
        kept = page.tab.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")
        page.tab.close()

    assert kept == [["visitor"], ["chat"]]
    assert page.errors == []
    # The public address of a file has the other name of this machine.
    own = {f"localhost:{port}", f"localhost:{api.port}", f"127.0.0.1:{api.port}"}
    assert page.hosts == {*own, bucket_of(api)}
