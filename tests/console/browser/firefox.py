"""The console in Firefox, by WebDriver BiDi: `firefox.py` reads what `drive.py` reads, prints what is wrong."""

import itertools
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.console.browser.scenarios import PAGES

PATIENCE = 60
"""Seconds; nothing that works needs them."""
UNTIL = """new Promise((done, fail) => {
  const look = () => { const found = (() => { %s })(); if (found) { watcher.disconnect(); done(String(found)); } };
  const watcher = new MutationObserver(look);
  watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  setTimeout(() => fail(new Error("waited in vain: " + document.body.innerText.slice(0, 400))), %d);
  look();
})"""
SETTLED = "return document.querySelector('main:not([aria-busy]) h1')?.textContent"
CALL = """fetch('../api/skills/forms/look', {method: 'POST', body: '{}', headers: {'X-Agent': 'in-firefox',
  'Content-Type': 'application/json', 'X-Console-Key': localStorage['agentos.console.key']}}).then(r => r.status)"""
EVENTS = ("log.entryAdded", "network.responseCompleted", "browsingContext.userPromptOpened")


class Firefox:
    """One tab, and what it reported."""

    def __init__(self, wire: ClientConnection, url: str) -> None:
        self.wire, self.url, self.numbers = wire, url, itertools.count(1)
        self.reported: list[str] = []
        self.statuses: dict[str, int] = {}
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=list(EVENTS))
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self.wire.send(json.dumps({"id": number, "method": method, "params": params}))
        while (message := json.loads(self.wire.recv(PATIENCE))).get("id") != number:
            self._hear(message["method"], message["params"])
        assert message["type"] == "success", message
        return message["result"]

    def _hear(self, event: str, params: dict[str, Any]) -> None:
        if event == "network.responseCompleted":
            address = params["request"]["url"]
            self.statuses[address] = params["response"]["status"]
            if urlsplit(address).netloc not in (urlsplit(self.url).netloc, ""):
                self.reported.append(f"foreign: {address}")
        elif event != "log.entryAdded" or params["level"] in ("error", "warn"):
            self.reported.append(str(params.get("text") or params))

    def run(self, script: str) -> str:
        found = self.ask("script.evaluate", expression=script, target={"context": self.tab}, awaitPromise=True)
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return str(found["result"].get("value"))

    def until(self, body: str) -> str:
        return self.run(UNTIL % (body, PATIENCE * 1000))

    def open(self, address: str) -> str:
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")
        return self.until(SETTLED)

    def ready(self) -> None:
        """Its scripts are loaded: who leaves before breaks a load off, which this browser reports."""
        self.run(
            "Promise.all([...document.querySelectorAll('main [data-use]')].map(each => import("
            "new URL(`${each.dataset.use}.js`, document.querySelector('script[type=module]').src))))"
        )


@contextmanager
def firefox(program: str, url: str) -> Iterator[Firefox]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        line = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        begun = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert begun.stderr is not None
        try:
            place = next(filter(None, (re.search(r"listening on (ws://\S+)", line) for line in begun.stderr)))
            threading.Thread(target=begun.stderr.read, daemon=True).start()
            with connect(f"{place[1]}/session", max_size=None, open_timeout=PATIENCE) as wire:
                yield Firefox(wire, url)
        finally:
            begun.kill()
            begun.wait()


def tour(it: Firefox, told: dict[str, Any]) -> list[str]:
    """Every page, a call that is made, and one that appears while it is looked at."""
    wrong = []
    with urlopen(told["link"]) as answer:
        assert it.open(answer.read().decode()) == "Home"
    it.ready()
    for path in PAGES:
        heading = it.open(it.url + path)
        it.ready()
        if ("not be loaded" in heading or "Not found" in heading) != (path == "nowhere"):
            wrong.append(f"{path}: {heading}")
        if it.run("document.documentElement.scrollWidth > innerWidth") == "True":
            wrong.append(f"{path}: wider than the window")
    it.open(f"{it.url}skills/forms/try?utility=look")
    it.ready()
    it.until("return document.querySelector('button[data-do=run]:enabled')")
    it.run("document.querySelector('button[data-do=run]').click()")
    it.until("return document.querySelector('#answer')?.textContent.includes('hello')")
    it.open(f"{it.url}activity?agent=in-firefox")
    it.run(CALL)
    it.until("return document.querySelector('main tbody')?.textContent.includes('in-firefox')")
    kept = it.ask("storage.getCookies", partition={"type": "context", "context": it.tab})["cookies"]
    refused = [
        f"{status} {address}"
        for address, status in it.statuses.items()
        if status >= 400 and not address.endswith("/nowhere")
    ]
    return wrong + it.reported + [f"cookie: {each}" for each in kept] + refused


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    with firefox(asked["browser"], asked["url"]) as opened:
        print(json.dumps({"tour": "\n".join(tour(opened, asked))}))
