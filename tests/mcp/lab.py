"""A real server with skills of its own over a toy upstream, and clients of both eras that speak bare JSON."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.server.limits import Limits
from tests.end_to_end.house import House
from tests.server.server import running
from tests.toy.raw import Exchange, Toy, answer

CANARY = "sk-canary-0123456789abcdef0123456789"
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
BIG = 2**53 + 1

SKILL = """\
---
id: test
name: Test
description: A service for tests.
api:
  base_url: https://test.example
auth:
  type: api_key
  header: Authorization
  prefix: "Bearer "
utilities:
  simple_text:
    description: A text.
    returns: string
    rest: {method: GET, url: /text}
  image_content:
    description: A picture.
    rest: {method: GET, url: /png, response: {raw: true}}
  audio_content:
    description: A sound.
    rest: {method: GET, url: /wav, response: {raw: true}}
  bytes_of_it:
    description: Bytes of no special kind.
    rest: {method: GET, url: /bytes, response: {raw: true}}
  error_handling:
    description: Fails.
    rest: {method: GET, url: /fails}
  tool_with_progress:
    description: Takes a while.
    rest: {method: GET, url: /slow}
  thing:
    description: One thing.
    params:
      id: {type: string, required: true, example: t1}
      kind: {type: [string, array], description: Its kind}
      count: {type: integer, minimum: 1}
    returns: {id: string, size: number}
    rest: {method: GET, url: "/things/{id}"}
  things:
    description: All things.
    returns: array
    rest:
      method: GET
      url: /things
      paginate: {style: offset, items: /data, limit: limit}
  remove:
    description: Removes one thing.
    params:
      id: {type: string, required: true}
    returns: void
    rest: {method: DELETE, url: "/things/{id}"}
  never:
    description: Never answers.
    rest: {method: GET, url: /stall}
  create:
    description: Makes a thing.
    params:
      size: {type: number, required: true}
    rest: {method: POST, url: /things, body: {size: .params.size}}
  echo:
    description: Gives back what the service said of the key.
    rest: {method: GET, url: /echo}
---
"""


ROWS = [{"id": f"t{n}", "size": n} for n in range(45)]


def _number(exchange: Exchange, name: str, usual: int = 0) -> int:
    query = parse_qs(exchange.request.target.partition("?")[2])
    return int(query.get(name, [str(usual)])[0])


def respond(exchange: Exchange, slow: Callable[[], object] = bool) -> None:
    """What the toy says, by path; `/slow` only after `slow`."""
    path = exchange.request.target.partition("?")[0]
    if path == "/slow":
        slow()
    if path == "/stall":
        exchange.stall()
    key = exchange.request.header("authorization")
    bodies: dict[str, tuple[int, str, Any]] = {
        "/text": (200, "application/json", "This is a simple text response for testing."),
        "/png": (200, "image/png", PNG),
        "/wav": (200, "audio/wav", b"RIFF\x24\0\0\0WAVEfmt "),
        "/bytes": (200, "application/zip", b"PK\x05\x06" + bytes(18)),
        "/fails": (418, "application/json", {"error": {"message": f"no tea for {key}"}}),
        "/slow": (200, "application/json", {"done": True}),
        "/priced": (200, "application/json", {"usage": {"cost": 0.0125}}),
        "/echo": (200, "application/json", {"heard": key, "big": BIG, "text": "žluťoučký 🐎"}),
    }
    if path.startswith("/in/"):
        charset = path.rpartition("/")[2]
        encoded = f"you sent {key}, žluť".encode(charset) if charset != "punycode" else b"you sent nothing-"
        bodies[path] = (200, f"text/plain; charset={charset}", encoded)
    if path == "/things":
        body: Any = {"data": ROWS[_number(exchange, "offset") :][: _number(exchange, "limit", 100)]}
        if exchange.request.method == "POST":
            body = {"made": json.loads(exchange.request.body)}
        bodies[path] = (200, "application/json", body)
    elif path.startswith("/things/"):
        bodies[path] = (200, "application/json", {"id": path.rpartition("/")[2], "size": BIG})
    status, kind, body = bodies.get(path, (404, "application/json", {"error": "nothing"}))
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer(status, body=data, headers=[("Content-Type", kind)])(exchange)


@dataclass
class Client:
    """Speaks one era over HTTP. `heard` is every byte that came back."""

    http: httpx.Client
    modern: bool = True
    path: str = "/mcp"
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    _id: int = 0

    def message(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self._id += 1
        given = dict(params or {})
        if self.modern:
            meta = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            given["_meta"] = meta | given.get("_meta", {})
        return {"jsonrpc": "2.0", "id": self._id, "method": method, "params": given}

    def of(self, message: Mapping[str, Any]) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream"}
        if self.modern:
            params = message.get("params", {})
            headers |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}
            name = params.get("name", params.get("uri"))
            if isinstance(name, str) and message["method"] in ("tools/call", "resources/read"):
                headers["Mcp-Name"] = name
        else:
            headers["MCP-Protocol-Version"] = LEGACY
        return headers | self.headers

    def send(self, message: Any, **headers: str) -> httpx.Response:
        response = self.http.post(self.path, json=message, headers=self.of(message) | headers)
        self.heard.append(response.content)
        return response

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result; the error when there is one. A late one comes as the last event of a stream."""
        said = self.send(self.message(method, params))
        streamed = said.headers["content-type"].startswith("text/event-stream")
        answered = json.loads(said.text.rstrip().rpartition("data: ")[2]) if streamed else said.json()
        return answered.get("result", answered.get("error"))

    def call(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> Any:
        params: dict[str, Any] = {"name": name}
        if arguments is not None:
            params["arguments"] = dict(arguments)
        if meta:
            params["_meta"] = {key.replace("__", "/"): value for key, value in meta.items()}
        return self.ask("tools/call", params)


@dataclass
class Lab:
    """go_on: until it is set, the toy's `/slow` gives no answer."""

    house: House
    toy: Toy
    go_on: threading.Event

    def client(self, *, modern: bool = True, path: str = "/mcp", **headers: str) -> Client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.house.client, modern, path, named)


@contextlib.contextmanager
def lab(
    folder: Path,
    *,
    skills: Mapping[str, str] | None = None,
    pace: Limits | None = None,
    slow: Callable[[], object] | None = None,
    **settings: Any,
) -> Iterator[Lab]:
    """settings: as `Settings` has them, `mcp` and `limits` included."""
    for name, text in ({"test": SKILL} if skills is None else skills).items():
        file = folder / "skills" / name / "readme.md"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    go_on = threading.Event()
    if pace is None:
        go_on.set()
    with Toy(partial(respond, slow=slow or partial(go_on.wait, 30))) as toy:
        rewrite = {"https://test.example": toy.origin}
        given: dict[str, Any] = {
            "home": folder / "home",
            "skills": (folder / "skills",),
            "only_skills": True,
            "rewrite": rewrite,
        }
        opened = Settings(**given | settings)
        with (
            running(
                lambda: open_runtime(opened, {"TEST_API_KEY": CANARY}),
                pace,
                home=opened.home,
                mcp=opened.mcp,
                port=settings.get("port", 0),
            ) as server,
            httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client,
        ):
            yield Lab(House(server, client, opened.home, folder / "skills"), toy, go_on)
