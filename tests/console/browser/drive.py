"""Runs scenarios in one browser: `drive.py` reads `{"browser", "scenarios", …}` and prints what each found.

A scenario fails by an assertion, and by anything it did not expect: an error in the browser's console (a report of
the Content-Security-Policy is one), a refused request, a request to another origin, a cookie.
"""

import importlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[3]))
PATIENCE = 60_000
"""Milliseconds; nothing that works needs them, however slow the machine."""
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


class World:
    """The browser, and what the tests' own process told of the server."""

    def __init__(self, browser: Browser, told: dict[str, Any]) -> None:
        self.browser = browser
        self.url: str = told["url"]
        self.told = told
        self.unexpected: list[str] = []
        self.expected: set[int] = set()
        self._state: Any = None

    def link(self) -> str:
        """A new way in: one works for a minute, and machines are slow."""
        with urlopen(self.told["link"]) as answer:
            link: str = answer.read().decode()
        return link

    def ask(self) -> str:
        """The id of a new call that waits."""
        with urlopen(self.told["ask"]) as answer:
            entry: str = answer.read().decode()
        return entry

    @contextmanager
    def visitor(self, *, let_in: bool = True, **options: Any) -> Iterator[Page]:
        """A page in a context of its own; without unexpected events, and without a cookie at the end."""
        given = {"viewport": {"width": 1280, "height": 800}, "timezone_id": "Europe/Vienna", "locale": "en-GB"}
        context = self.browser.new_context(**given | options, storage_state=self._state if let_in else None)
        context.set_default_timeout(PATIENCE)
        context.on("page", self._watch)
        try:
            page = context.new_page()
            if let_in and self._state is None:
                page.goto(self.link())
                page.wait_for_selector("main h1")
                self._state = context.storage_state()
            yield page
            assert context.cookies() == []
        finally:
            context.close()

    def open(self, page: Page, path: str) -> None:
        page.goto(self.url + path)
        settled(page)

    def _watch(self, page: Page) -> None:
        page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("dialog", lambda dialog: self._note(f"dialog: {dialog.message}"))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def _note(self, text: str) -> None:
        if "Failed to load resource" not in text:
            self.unexpected.append(text)

    def _answered(self, status: int, url: str) -> None:
        if status >= 400 and status not in self.expected:
            self.unexpected.append(f"{status} {url}")
        if urlsplit(url).scheme not in ("blob", "data") and urlsplit(url).netloc != urlsplit(self.url).netloc:
            self.unexpected.append(f"foreign: {url}")


def settled(page: Page) -> None:
    page.wait_for_selector("main:not([aria-busy]):not([data-starting]) h1")


def inject(page: Page, script: str) -> None:
    """Beside the page's policy, as tools of developers do."""
    context: BrowserContext = page.context
    context.new_cdp_session(page).send("Runtime.evaluate", {"expression": f"{script};0"})


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong for people who see, hear or use a keyboard differently."""
    inject(page, AXE)
    found: list[str] = page.evaluate(
        "axe.run().then(r => r.violations.map(v => `${v.id}: ${v.nodes.map(n => n.html.slice(0, 200))}`))"
    )
    return found


def run(scenarios: dict[str, Callable[[World], None]], told: dict[str, Any]) -> dict[str, str]:
    """Scenario → "" or what went wrong."""
    found: dict[str, str] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=told["browser"], args=["--no-sandbox"])
        world = World(browser, told)
        for name, scenario in scenarios.items():
            world.unexpected, world.expected = [], set()
            begun = time.monotonic()
            try:
                scenario(world)
                found[name] = "\n".join(world.unexpected)
            except Exception:  # noqa: BLE001 - the finding of this scenario, read by its test
                found[name] = "\n".join([traceback.format_exc(), *world.unexpected])
            print(f"{time.monotonic() - begun:5.1f} s {name}", file=sys.stderr)
        browser.close()
    return found


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    chosen = importlib.import_module(f"tests.console.browser.{asked['scenarios']}")
    only = asked.get("only") or chosen.SCENARIOS
    print(json.dumps(run({name: each for name, each in chosen.SCENARIOS.items() if name in only}, asked)))
