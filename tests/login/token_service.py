"""A toy service whose tokens end: refresh tokens are good once, and one that comes again ends its whole family."""

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote_plus

Answer = tuple[int, object, dict[str, str]]


@dataclass
class TokenService:
    """What it does, and what it saw."""

    origin: str = ""
    expires_in: object = 3600
    rotates: bool = True
    answer: Callable[[], Answer] | None = None
    """What the token address answers, in place of a token."""
    before_answer: Callable[[], None] = lambda: None
    """Runs when a token was made and is not told yet."""
    before_call: Callable[[], None] = lambda: None
    """Runs before a call is answered."""
    refusal: Answer = (401, {"message": "who are you?"}, {})
    """What a call is answered whose token is not good."""
    good: set[str] = field(default_factory=set)
    client: tuple[str, str] | None = None
    """The id and secret of the only client that is given a token; None = a public one."""
    shown: list[str] = field(default_factory=list)
    """What stood in `Authorization` when a token was asked for."""
    refresh: str = ""
    """The one refresh token that is good; empty = the family has ended."""
    used: set[str] = field(default_factory=set)
    given: list[str] = field(default_factory=list)
    """Every secret that was ever made."""
    renewals: int = 0
    reused: int = 0
    posted: list[list[tuple[str, str]]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    client_ids: list[str] = field(default_factory=list)
    """What stood in `Client-Id` of the calls."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def first(self) -> dict[str, str]:
        """A login's tokens."""
        self.refresh = self._made("refresh")
        return {"access_token": self._access(), "refresh_token": self.refresh}

    def expire(self) -> None:
        """No access token is good any more."""
        self.good.clear()

    def _made(self, kind: str) -> str:
        token = f"{kind}-canary-{secrets.token_hex(12)}"
        self.given.append(token)
        return token

    def _access(self) -> str:
        token = self._made("access")
        self.good.add(token)
        return token

    def renewed(self, form: list[tuple[str, str]], shown: str) -> Answer:
        values = dict(form)
        with self.lock:
            self.posted.append(form)
            self.shown.append(shown)
            if self.answer is not None:
                return self.answer()
            if self.client is not None and self.client != client_in(values, shown):
                return 401, {"error": "invalid_client", "error_description": f"who is {shown} {form}?"}, {}
            token = values.get("refresh_token", "")
            for_client = values.get("grant_type") == "client_credentials"
            if not for_client and (token != self.refresh or not token):
                self.reused += token in self.used
                self.refresh = ""
                self.expire()
                return 400, {"error": "invalid_grant", "error_description": f"the token {token} is void"}, {}
            self.renewals += 1
            body: dict[str, object] = {"access_token": self._access(), "token_type": "bearer"}
            if self.expires_in is not None:
                body["expires_in"] = self.expires_in
            if self.rotates and not for_client:
                self.used.add(token)
                body["refresh_token"] = self.refresh = self._made("refresh")
        self.before_answer()
        return 200, body, {}

    def called(self, authorization: str, client_id: str) -> Answer:
        self.before_call()
        token = authorization.removeprefix("Bearer ")
        with self.lock:
            self.client_ids.append(client_id)
            self.calls.append(token)
            return (200, {"ok": True}, {}) if token in self.good else self.refusal


def client_in(values: dict[str, str], shown: str) -> tuple[str, str]:
    """The client that a request names, either in the header or in the body."""
    kind, _, text = shown.partition(" ")
    if kind != "Basic":
        return values.get("client_id", ""), values.get("client_secret", "")
    assert "client_secret" not in values
    known, _, secret = base64.b64decode(text).decode().partition(":")
    return unquote_plus(known), unquote_plus(secret)


@contextmanager
def token_service(**how: object) -> Iterator[TokenService]:
    """One on a free port of this machine."""
    service = TokenService(**how)  # type: ignore[arg-type]  # the fields by name

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._called()

        def _called(self) -> None:
            self._send(*service.called(self.headers.get("Authorization", ""), self.headers.get("Client-Id", "")))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/token":
                self._send(*service.renewed(parse_qsl(text), self.headers.get("Authorization", "")))
            else:
                self._called()

        def _send(self, status: int, body: object, headers: dict[str, str]) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever asked was killed
                super().handle()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has above
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        service.origin = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
