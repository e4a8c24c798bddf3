"""Takes the pictures: `shoot.py` reads what `tests.console.pictures` tells it."""

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.console.browser.drive import World, settled

PAGES = (
    "",
    "waiting",
    "skills",
    "skills/openrouter/try?utility=chat",
    "skills/openrouter/about",
    "skills/openrouter/utilities",
    "skills/openrouter/authority",
    "skills/openrouter/cases",
    "skills/spoiled",
    "activity",
    "activity/11999",
    "usage",
    "usage?metric=tokens&by=agent&days=7",
    "keys",
    "agents",
    "usage?days=90&metric=calls",
    "activity?agent=nobody",
    "activity?since=yesterday",
    "skills?q=nothing-has-this",
    "nowhere",
)
MESSAGE = '{"model": "toy/parrot-1", "messages": [{"role": "user", "content": "What do parrots like"}]}'


def everything(world: World, folder: Path) -> None:
    for scheme in ("light", "dark"):
        with world.visitor(color_scheme=scheme, let_in=False, viewport={"width": 360, "height": 800}) as page:
            page.goto(world.url + "skills")
            page.wait_for_selector("text=Console locked")
            page.screenshot(path=folder / f"locked-{scheme}-360.png")
        for width in (1920, 1280, 360):
            with world.visitor(color_scheme=scheme, viewport={"width": width, "height": 800}) as page:
                for path in PAGES:
                    world.open(page, path)
                    page.wait_for_timeout(250)
                    if "/try" in path:
                        page.wait_for_selector("button[data-do=run]:enabled")
                    name = path.replace("/", "_").replace("?", "_").replace("&", "_") or "home"
                    page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=width < 1920)


def of_the_docs(world: World, folder: Path) -> None:
    with world.visitor() as page:
        world.open(page, "")
        picture(page, folder / "console-home.png")
        world.open(page, "skills/openrouter/try?utility=chat")
        page.wait_for_selector("text=Add to messages")
        page.get_by_role("tab", name="JSON").click()
        page.fill("#json", MESSAGE)
        page.get_by_role("tab", name="Form").click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector("#answer:has-text('Sunflower')")
        picture(page, folder / "console-try.png")
    with world.visitor(color_scheme="dark") as page:
        world.open(page, "usage")
        picture(page, folder / "console-usage.png")


def picture(page: Page, file: Path) -> None:
    settled(page)
    page.wait_for_timeout(300)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=file)


def main(told: dict[str, Any]) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=told["browser"], args=["--no-sandbox"])
        world = World(browser, told)
        (everything if told["all"] else of_the_docs)(world, Path(told["folder"]))
        browser.close()
        print("\n".join(world.unexpected) or "nothing unexpected", file=sys.stderr)


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
