"""A house whose services answer what a test says, at the addresses of the bundled skills."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.house import KEY, House, house
from tests.toy.raw import Behaviour, Exchange, Received, Toy, answer_json

BUNDLED = Path(__file__).parents[2] / "skills"
MANAGEMENT = "sk-or-management-canary-5d1f"
ANTHROPIC = "sk-ant-canary-77aa-0011223344"
GOOGLE = "google-canary-31cc90aa77"
QUERY = "query-canary-4411aa77"
CHAT = "/use/openrouter.ai/api/v1/chat/completions"
EXTRA = """\
---
id: maps
name: Maps
description: A service whose key stands in the query
auth: {type: api_key, query: api_key}
api: {base_url: https://maps.example/v2}
utilities:
  find:
    description: Find a place
    params: {q: {type: string}}
    rest: {url: /find, query: {q: .params.q}}
---
"""


@dataclass
class Upstream:
    """A toy that answers as it was last told."""

    toy: Toy = field(init=False)
    behaviour: Behaviour = field(default_factory=lambda: answer_json({"ok": True}))

    def __post_init__(self) -> None:
        self.toy = Toy(self._behave)

    def says(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.toy.requests.clear()

    @property
    def asked(self) -> Received:
        """The one request since it was told what to answer."""
        assert len(self.toy.requests) == 1, self.toy.requests
        return self.toy.requests[0]

    def _behave(self, exchange: Exchange) -> None:
        self.behaviour(exchange)


@dataclass
class Lab:
    """The house, and what stands for its services."""

    house: House
    upstream: Upstream

    @property
    def client(self) -> httpx.Client:
        return self.house.client

    def use(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request of the agent `tester`."""
        headers = {"X-Agent": "tester"} | options.pop("headers", {})
        return self.client.request(method, path, headers=headers, **options)

    def row(self) -> dict[str, Any]:
        """The newest row of the ledger."""
        return self.house.rows()[0]

    def raw(self, request: bytes) -> tuple[bytes, bool]:
        """Everything that comes back for a request as bytes, and whether the answer came to its end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.house.server.port, timeout=20)
        connection.connect()
        assert connection.sock is not None
        connection.sock.sendall(request)
        response = http.client.HTTPResponse(connection.sock)
        try:
            response.begin()
            return response.read(), True
        except http.client.IncompleteRead as error:
            return error.partial, False
        finally:
            connection.close()


@contextlib.contextmanager
def lab(folder: Path, *, config: str = "", skills: dict[str, str] | None = None, **settings: Any) -> Iterator[Lab]:
    """All bundled skills, and further ones by the names of their files; everything is called at one toy."""
    own = folder / "skills"
    own.mkdir(parents=True, exist_ok=True)
    for name, text in {"maps.md": EXTRA, **(skills or {})}.items():
        (own / name).write_text(text)
    (folder / "home").mkdir(mode=0o700, exist_ok=True)
    upstream = Upstream()
    environ = {
        "OPENROUTER_API_KEY": KEY,
        "OPENROUTER_MANAGEMENT_KEY": MANAGEMENT,
        "ANTHROPIC_API_KEY": ANTHROPIC,
        "MAPS_API_KEY": QUERY,
        "GEMINI_API_KEY": GOOGLE,
    }
    origins = (
        "https://openrouter.ai",
        "https://api.anthropic.com",
        "https://maps.example",
        "http://localhost:11434",
        "https://generativelanguage.googleapis.com",
    )
    rewrite = settings.pop("rewrite", dict.fromkeys(origins, upstream.toy.origin))
    with (
        upstream.toy,
        house(folder, skills=(own, BUNDLED), rewrite=rewrite, environ=environ, **settings) as running,
    ):
        if config:
            (folder / "home" / "config.toml").write_text(config)
        yield Lab(running, upstream)


def sse(*events: Any) -> bytes:
    """Events as OpenAI writes them."""
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"
