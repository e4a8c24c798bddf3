"""Run by the environment of the clients: opens a page, and prints what `window.found` becomes.

open_page.py URL BROWSER
"""

import json
import sys

from playwright.sync_api import sync_playwright

with sync_playwright() as player:
    browser = player.chromium.launch(executable_path=sys.argv[2], args=["--no-sandbox"])
    page = browser.new_page()
    page.goto(sys.argv[1])
    page.wait_for_function("window.found !== undefined")
    sys.stdout.write(json.dumps(page.evaluate("window.found")))
    browser.close()
