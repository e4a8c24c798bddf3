"""Run by the environment of the clients: opens the pages in a browser, and prints what it finds as JSON.

browse.py URL TOKEN BROWSER
"""

import json
import re
import sys

from playwright.sync_api import Page, sync_playwright


def tried(page: Page, url: str, token: str) -> dict[str, object]:
    found: dict[str, object] = {}
    page.goto(f"{url}/")
    if token:
        found["locked"] = page.locator("body").inner_text()
        page.locator("input").fill(token)
        page.locator("button").click()
        page.locator("#shown", has_text="toy").wait_for()
    found["front"] = page.locator("body").inner_text()
    page.goto(f"{url}/docs")
    if token:
        page.locator("#token input").fill(token)
        page.locator("#token button").click()
    skill = page.locator("details[data-skill=toy]")
    skill.locator("> summary").click()
    utility = skill.locator("details", has=page.locator("summary code", has_text="say")).first
    utility.locator("> summary").click()
    found["shown"] = utility.inner_text()
    utility.locator("textarea").fill('{"text": "ahoj <b>"}')
    found["curl"] = utility.locator("pre").nth(1).inner_text()
    utility.get_by_role("button", name="Call").click()
    # Waited for by a locator: `wait_for_function` is an `eval`, which the page's policy forbids.
    reply = utility.locator("pre").nth(2)
    reply.filter(has_text=re.compile("^200")).wait_for()
    found["reply"] = reply.inner_text()
    found["stored"] = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    return found


def main(url: str, token: str) -> None:
    told: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=sys.argv[3], args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("dialog", lambda dialog: told.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: None if request.url.startswith(url) else told.append(request.url))
        found = tried(page, url, token)
        browser.close()
    sys.stdout.write(json.dumps({**found, "told": told}))


main(sys.argv[1], sys.argv[2])
