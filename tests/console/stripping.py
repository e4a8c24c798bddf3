"""A proxy that puts a path in front of a server, and takes it away from what it hands on."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/agents/box"


class Stripping(ThreadingHTTPServer):
    """`target` is the port that requests go to, once it is known. `told` answers other paths."""

    daemon_threads = True
    target = 0
    late = 0.0
    """Seconds that each answer waits: what comes early by luck on a quick machine does not."""
    told: dict[str, Callable[[], str]]


class _Handler(BaseHTTPRequestHandler):
    server: Stripping

    def _forward(self) -> None:
        if self.path in self.server.told:
            said = self.server.told[self.path]()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said.encode())
            return
        if not self.path.startswith(PREFIX + "/"):
            self.send_error(404)
            return
        time.sleep(self.server.late)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = HTTPConnection("127.0.0.1", self.server.target, timeout=20)
        with contextlib.closing(upstream):
            try:
                upstream.request(self.command, self.path.removeprefix(PREFIX), body, dict(self.headers.items()))
            except ConnectionRefusedError:
                self.send_error(502)
                return
            with upstream.getresponse() as answer:
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while piece := answer.read1():
                        self.wfile.write(piece)

    do_GET = do_POST = do_DELETE = _forward  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def stripping(late: float = 0) -> Iterator[Stripping]:
    """The proxy, on a free port."""
    with Stripping(("127.0.0.1", 0), _Handler) as proxy:
        proxy.late = late
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
