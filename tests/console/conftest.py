"""One server with the console for the tests that only look, its browser let in."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.console.access.tickets import Tickets
from tests.server.client import Answer, ask
from tests.server.server import Running, running
from tests.toy.raw import Exchange, Toy, answer

SKILLS = Path(__file__).parent / "skills"
CANARY = "sk-forms-canary-0123456789"
OPERATOR = "the-operators-own-token"


MARKUP = "<img src=x onerror=hit=1>"
EVIL = json.dumps({"said": MARKUP, "model": f"{MARKUP}\u202e/{MARKUP}", "provider": MARKUP, "id": MARKUP}).encode()
"""What a service says that means ill."""


@dataclass
class Opened:
    """A server, and the way into its console."""

    server: Running
    home: Path

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return f"{self.server.url}/console/"

    def link(self) -> str:
        return f"{self.url}login#{Tickets(self.home).make()}"

    def enter(self, **body: str) -> Answer:
        return ask(self, "POST", "/console/session", body)

    def let_in(self) -> str:
        """The key of a new session."""
        key: str = self.enter(ticket=Tickets(self.home).make()).json["key"]
        return key

    def page(self, path: str, key: str | None, **headers: str) -> Answer:
        """The fragment of a page."""
        given = {"Accept": "text/x-fragment", **({"X-Console-Key": key} if key is not None else {}), **headers}
        return ask(self, "GET", f"/console/{path}", headers=given)


def _service(exchange: Exchange) -> None:
    if exchange.request.target == "/talk":
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        exchange.send(b'data: {"say": "one "}\n\ndata: {"say": "two"}\n\n')
        exchange.stall()
    answer(body=EVIL if exchange.request.target.startswith("/evil") else b'{"said": "hello", "cost": 0.0156}')(
        exchange
    )


@contextlib.contextmanager
def opened(folder: Path, **given: Any) -> Iterator[Opened]:
    """A server with the skills of these tests, in front of a toy that answers all calls."""
    with Toy(_service) as toy:
        settings: dict[str, Any] = {"home": folder / "home", "skills": (SKILLS,), "only_skills": True, **given}
        whole = Settings(rewrite={"https://api.example.com": toy.origin}, **settings)
        settings.pop("limits", None)  # the server's own are others
        with running(lambda: open_runtime(whole, {"FORMS_API_KEY": CANARY}), **settings) as server:
            yield Opened(server, whole.home)


@pytest.fixture(scope="package")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("console")) as it:
        yield it


@pytest.fixture(scope="package")
def key(console: Opened) -> str:
    return console.let_in()
