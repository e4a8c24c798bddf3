"""A web site that a browser trusts and we do not: serves one page, gathers what its script found out."""

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HostileSite(ThreadingHTTPServer):
    """`seen` is what was asked below /api, `findings` what the page's script sent home.

    With `forward_to` set, /api is passed on as it came to that port of this machine: what a browser does when the
    site's name is given the address 127.0.0.1 after the page was loaded (DNS rebinding).
    """

    daemon_threads = True

    def __init__(self, page: bytes, forward_to: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = page
        self.forward_to = forward_to
        self.seen: list[tuple[str, str]] = []
        self.findings: queue.Queue[bytes] = queue.Queue()

    @property
    def port(self) -> int:
        return self.server_port


class _Handler(BaseHTTPRequestHandler):
    server: HostileSite

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/api/"):
            self._answer_api(body)
        elif self.path == "/findings":
            self.server.findings.put(body)
            self._say(b"")
        else:
            self._say(self.server.page)

    do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the standard library has it
        pass

    def _answer_api(self, body: bytes) -> None:
        self.server.seen.append((self.command, self.path))
        if self.server.forward_to is None:
            self._say(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")
            return
        head = f"{self.command} {self.path} HTTP/1.1\r\nConnection: close\r\n"
        head += "".join(
            f"{name}: {value}\r\n" for name, value in self.headers.items() if name.lower() != "connection"
        )
        with socket.create_connection(("127.0.0.1", self.server.forward_to), timeout=20) as wire:
            wire.sendall(head.encode("latin-1") + b"\r\n" + body)
            while chunk := wire.recv(65536):
                self.wfile.write(chunk)
        self.close_connection = True

    def _say(self, body: bytes, content_type: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def hostile_site(page: bytes = b"", forward_to: int | None = None) -> Iterator[HostileSite]:
    with HostileSite(page, forward_to) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
