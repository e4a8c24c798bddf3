"""A browser for tests: opens the address, follows where it is sent, and writes the page it ends on to a file.

As a program: `python browser.py FILE ADDRESS`.
"""

import http.client
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True)
class Page:
    status: int
    headers: dict[str, str]
    text: str


def visit(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> Page:
    """One request, without following anything; the headers of a navigation unless told."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, target, headers=NAVIGATION if headers is None else headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Page(answer.status, found, answer.read().decode())
    finally:
        connection.close()


def follow(url: str) -> Page:
    page = visit(url)
    return visit(page.headers["location"]) if "location" in page.headers else page


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(follow(sys.argv[2]).text, encoding="utf-8")
