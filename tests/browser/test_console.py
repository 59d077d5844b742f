"""The console in a real browser: by keyboard alone, in both colour schemes, without a word to the outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from werkzeug.serving import make_server

from gateway.lifecycle import State
from gateway.shell.console import make_console
from tests.builders import an_intake
from tests.operators import House
from tests.store.steps import ask, waiting

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is in the test extra")
CHROMIUM = next(
    (str(path) for path in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser")) if path.exists()), ""
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium")
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests of this file."""
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """The console on a port of its own, with something of everything in it."""
    for number in range(1, 6):
        ask(house.ledger, number)
    house.ledger.settle(waiting(house.store, UUID(int=5)), State.FAILED, code="delivery.refused", detail=HOSTILE)
    house.ledger.postpone(waiting(house.store, UUID(int=4)), code="delivery.failed", detail=HOSTILE)
    house.ledger.refuse(an_intake(UUID(int=77), alarm=True, claimed=HOSTILE, detail=HOSTILE))
    house.play("health_kz/fixtures/38-bin-with-a-cyrillic-letter")
    server = make_server("127.0.0.1", 0, make_console(house), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Watched:
    """A tab that remembers every complaint and every address it asked for."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(viewport={"width": 1280, "height": 850}, **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def quiet(self) -> None:
        """Nothing was complained of, and nothing was asked of anybody else."""
        assert self.complaints == []
        assert [address for address in self.asked if not address.startswith(self.url + "/")] == []


def focused(page: Any) -> str:
    """The path of the link that has the focus."""
    return str(page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.id"))


def test_from_the_list_to_a_message_and_back_by_keys(chromium: Any, url: str) -> None:
    """Search, down, up, open, tabs, back; the help; never the mouse."""
    with Watched(chromium, url) as tab:
        page = tab.page
        page.goto(url)
        page.keyboard.press("/")
        assert focused(page) == "search"
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        first = focused(page)
        page.keyboard.press("j")
        assert focused(page) != first
        page.keyboard.press("k")
        assert focused(page) == first
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}{first}")
        assert page.locator("h1").inner_text().startswith("Permit query")
        page.keyboard.press("?")
        assert page.locator("#help").is_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("u")
        page.wait_for_url(f"{url}/")
        page.keyboard.press("/")
        page.keyboard.type("talk-2")
        page.keyboard.press("Enter")
        page.wait_for_url("**search=talk-2**")
        assert page.locator("tr[id]").count() == 1
        tab.quiet()


def test_the_list_refreshes_itself_without_losing_place(chromium: Any, url: str, house: House) -> None:
    """A new message appears above, marked; the focus stays on its row; updates can be stopped."""
    with Watched(chromium, url) as tab:
        page = tab.page
        page.goto(url)
        page.keyboard.press("j")
        page.keyboard.press("j")
        held = focused(page)
        fresh = ask(house.ledger, 50)
        page.wait_for_selector(f"#m-{fresh.id}.fresh", timeout=15_000)
        assert focused(page) == held
        page.keyboard.press("l")
        assert page.locator("#live-said").inner_text() == "Updates paused"
        tab.quiet()


def test_an_operator_pauses_a_lane_by_a_form(chromium: Any, url: str) -> None:
    """The browser's own headers let the console's form through."""
    with Watched(chromium, url) as tab:
        page = tab.page
        page.goto(f"{url}/lanes")
        lane = page.locator("article", has_text="health_kz")
        lane.locator("summary").click()
        lane.get_by_label("Your name").fill("Айгүл")
        lane.get_by_label("Reason").fill("ticket 4711")
        lane.get_by_role("button", name="Pause the lane").click()
        page.wait_for_url("**done=pause")
        assert page.get_by_role("status").inner_text().strip() == "The lane is paused."
        tab.quiet()


def test_the_pages_work_without_script(chromium: Any, url: str) -> None:
    """List, filter, message and forms are plain pages."""
    with Watched(chromium, url, java_script_enabled=False) as tab:
        tab.page.goto(f"{url}/?state=failed&window=all")
        tab.page.locator("a.row-link").first.click()
        assert tab.page.locator("h1").inner_text().startswith("Permit query")
        assert tab.page.get_by_text("Send again").first.is_visible()
        tab.quiet()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_is_accessible_and_quiet(chromium: Any, url: str, scheme: str, width: int) -> None:
    """axe finds nothing, no page is wider than its window, no policy is broken, nothing outside is asked."""
    files = pytest.importorskip("axe_playwright_python", reason="axe is in the test extra")
    axe = resources.files(files).joinpath("axe.min.js").read_text("utf-8")
    with Watched(chromium, url, color_scheme=scheme) as tab:
        page = tab.page
        page.set_viewport_size({"width": width, "height": 850})
        failed = f"/messages/{UUID(int=5)}"
        paths = [
            "/",
            "/?search=none",
            "/lanes",
            "/partners",
            "/refused",
            f"/refused/{UUID(int=77)}",
            "/nothing",
            failed,
        ]
        for path in [*paths, f"{failed}/xml", f"{failed}/mapping", f"{failed}/evidence", "/?language=kk"]:
            page.goto(url + path)
            page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
            page.evaluate(axe)
            found = page.evaluate("axe.run()")["violations"]
            told = [(one["id"], [node["html"][:150] for node in one["nodes"]]) for one in found]
            assert told == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            boxes = "[...document.querySelectorAll('main nav')].filter(one => one.scrollHeight > one.clientHeight)"
            assert page.evaluate(f"{boxes}.map(one => one.className)") == [], path
        page.goto("about:blank")
        missing = "Failed to load resource: the server responded with a status of 404 (NOT FOUND)"
        tab.complaints = [said for said in tab.complaints if said != missing]
        tab.asked = [address for address in tab.asked if address != "about:blank"]
        tab.quiet()
