"""Takes the pictures: `shoot.py` reads what `tests.console.pictures` tells it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.console.browser.drive import World, settled

PAGES = {
    "simulated": (
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
    ),
    "crowded": (
        "",
        "waiting",
        "skills",
        "skills/forms/try?utility=every_kind",
        "skills/forms/authority",
        "skills/forms/utilities",
        "skills/hostile/about",
        "activity",
        "activity/1",
        "activity/13",
        "usage?metric=calls&by=agent",
        "keys",
        "keys?skill=forms",
        "agents",
    ),
    "empty": ("", "waiting", "skills", "activity", "usage", "keys", "agents"),
}
MESSAGE = '{"model": "toy/parrot-1", "messages": [{"role": "user", "content": "What do parrots like"}]}'


def everything(world: World, folder: Path) -> None:
    folder = folder / str(world.told["world"])
    folder.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        with world.visitor(color_scheme=scheme, let_in=False, viewport={"width": 360, "height": 800}) as page:
            page.goto(world.url + "skills")
            page.wait_for_selector("text=Console locked")
            page.screenshot(path=folder / f"locked-{scheme}-360.png")
        for width in (1920, 1280, 360):
            with world.visitor(color_scheme=scheme, viewport={"width": width, "height": 800}) as page:
                for path in PAGES[world.told["world"]]:
                    world.open(page, path)
                    page.wait_for_timeout(250)
                    if "/try" in path:
                        page.wait_for_selector("button[data-do=run]:enabled")
                    look(page, folder, path, f"{scheme}-{width}")


def look(page: Page, folder: Path, path: str, form: str) -> None:
    """The page, and again with each thing opened that lies over it."""
    world = folder.name
    name = "-".join(filter(None, (world, "_".join(re.findall(r"[\w=-]+", path)) or "home")))
    page.screenshot(path=folder / f"{name}-{form}.png", full_page=not form.endswith("1920"))
    if form.endswith("1920"):
        return
    if "every_kind" in path:
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".wrong")
        page.click("summary:has-text('optional')")
        page.screenshot(path=folder / f"{name}-refused-{form}.png", full_page=True)
    for place, summary in enumerate(page.locator(".pop > summary").all()[:4]):
        summary.click()
        page.screenshot(path=folder / f"{name}-open{place}-{form}.png", full_page=True)
        page.keyboard.press("Escape")


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
