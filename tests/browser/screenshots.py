"""Takes the pictures of the page that are in docs/: `make test-browser PICTURES=1`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from local import ROOT
from tests.browser.browsing import Page, a_browser
from tests.integration.test_make_run import running


def main() -> None:
    """Let a visitor and the team talk, and take a picture: wide and light, and of a phone in the dark."""
    with TemporaryDirectory() as data, running(Path(data)) as api, a_browser() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
        page = Page(context, api).open()
        page.write("Hello! My order 1017 should have come on Monday.")
        page.see("Hello! My order 1017 should have come on Monday.")
        page.choose("order 1017")
        page.answer("The carrier lost it. I send a new one.", "Private note")
        page.answer("Hi! Sorry about that. I have just sent a new one: it is with you tomorrow.")
        page.write("Great, thank you!")
        page.inbox.locator(".message .text", has_text="Great").wait_for()
        page.introduce("Rosa Lima", "rosa@example.com")
        page.inbox.locator(".who .claimed").first.wait_for()
        page.tab.mouse.move(0, 0)
        page.tab.evaluate("document.activeElement.blur()")
        page.tab.screenshot(path=ROOT / "docs" / "page.png")
        page.tab.emulate_media(color_scheme="dark")
        page.tab.set_viewport_size({"width": 380, "height": 640})
        page.tab.screenshot(path=ROOT / "docs" / "page-phone.png")


if __name__ == "__main__":
    main()
