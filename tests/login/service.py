"""A toy authorization server: OpenRouter's way and OAuth 2's, with codes good once and for one verifier."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

CANARY = "sk-or-v1-canary-9c1f77d20a"


@dataclass
class Service:
    """What it does, and what it saw."""

    origin: str = ""
    key: str = CANARY
    deny: bool = False
    other_challenge: bool = False
    """Remember another challenge than the one that came, so that no verifier fits."""
    answer: dict[str, object] | None = None
    """What a good code is answered with, in place of the key."""
    status: int = 200
    codes: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    """Queries of the authorize address."""
    posted: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Content type and fields of each exchange."""
    shown: list[str | None] = field(default_factory=list)
    """The Authorization of each exchange."""
    arguments: list[str] = field(default_factory=list)
    """The command lines of all processes, at each exchange."""
    calls: list[str | None] = field(default_factory=list)
    """The Authorization of each other call."""

    def authorized(self, query: dict[str, str]) -> str:
        """Where the browser is sent."""
        self.asked.append(query)
        back = query.get("callback_url") or query["redirect_uri"]
        state = {"state": query["state"]} if "state" in query else {}
        if self.deny:
            return f"{back}?" + urlencode(
                {"error": "access_denied", "error_description": "The user said no"} | state
            )
        code = secrets.token_urlsafe(24)
        assert query["code_challenge_method"] == "S256"
        self.codes[code] = "other" if self.other_challenge else query["code_challenge"]
        return f"{back}?" + urlencode({"code": code} | state)

    def exchanged(self, kind: str, values: dict[str, str]) -> tuple[int, dict[str, object]]:
        self.posted.append((kind, values))
        self.arguments += [file.read_bytes().decode("utf-8", "replace") for file in command_lines()]
        digest = hashlib.sha256(values["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.codes.pop(values["code"], None) != challenge:
            said = f"Invalid code {values['code']} or code_verifier {values['code_verifier']}"
            return 403, {"error": {"code": 403, "message": said}}
        return self.status, self.answer if self.answer is not None else {"key": self.key, "user_id": "u"}


def command_lines() -> Iterator[Path]:
    return (file for file in Path("/proc").glob("[0-9]*/cmdline") if _readable(file))


def _readable(file: Path) -> bool:
    try:
        return bool(file.read_bytes())
    except OSError:
        return False


@contextmanager
def serving(**how: object) -> Iterator[Service]:
    """A server on a free port of this machine."""
    service = Service(**how)  # type: ignore[arg-type]  # the fields by name

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path.endswith("/auth"):
                self._send(302, {}, Location=service.authorized(query))
            else:
                service.calls.append(self.headers["Authorization"])
                self._send(200, {"data": []})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kind = self.headers["Content-Type"]
            form = {name: values[0] for name, values in parse_qs(text).items()}
            service.shown.append(self.headers["Authorization"])
            self._send(*service.exchanged(kind, json.loads(text) if kind == "application/json" else form))

        def _send(self, status: int, body: dict[str, object], **headers: str) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has above
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.origin = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
